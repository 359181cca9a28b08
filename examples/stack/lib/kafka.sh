# shellcheck shell=bash
# Kafka: one process, broker and KRaft controller.

kafka_ports() {
  echo "STACK_KAFKA_PORT $STACK_KAFKA_PORT"
  echo "STACK_KAFKA_CONTROLLER_PORT $STACK_KAFKA_CONTROLLER_PORT"
}

kafka_properties() {
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$STACK_KAFKA_CONTROLLER_PORT
listeners=PLAINTEXT://127.0.0.1:$STACK_KAFKA_PORT,CONTROLLER://127.0.0.1:$STACK_KAFKA_CONTROLLER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:$STACK_KAFKA_PORT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$STACK_DIR/kafka
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=$STACK_REBALANCE_DELAY_MS
num.network.threads=2
num.io.threads=4
PROPERTIES
  tr ' ' '\n' <<<"$STACK_KAFKA_SETTINGS"
}

kafka_run() {
  local home conf="$STACK_DIR/conf/kafka.properties"
  home=$(home_of kafka)
  kafka_properties >"$conf"
  [ -f "$STACK_DIR/kafka/meta.properties" ] || kafka_tool kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qk -c "$conf"
  java_exec kafka "$STACK_KAFKA_HEAP" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 \
    -Dlog4j2.configurationFile="$HERE/kafka/log4j2.yaml" -cp "$home/lib/*" kafka.Kafka "$conf"
}

# The port opens a little before the broker is unfenced and takes requests for topics: the log knows better.
kafka_ready() {
  local log="$STACK_DIR/log/kafka.log"
  grep -q "Kafka Server started" < <(tail -c +$((log_from + 1)) "$log")
}

# kafka_tool CLASS ARGUMENT… runs a short-lived tool: quick to start, little memory, warnings on standard error.
kafka_tool() {
  "$JAVA" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx256m -Djava.awt.headless=true -Dstack.loglevel=WARN \
    -Dlog4j2.configurationFile="$HERE/kafka/log4j2.yaml" -cp "$(home_of kafka)/lib/*" "$@"
}

kafka_topic() { # NAME PARTITIONS
  kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$STACK_KAFKA_PORT" \
    --create --if-not-exists --topic "$1" --partitions "$2" --replication-factor 1
}

kafka_offsets() { # TOPIC
  kafka_tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "127.0.0.1:$STACK_KAFKA_PORT" --topic "$1"
}

kafka_groups() { # ARGUMENT…
  (($#)) || set -- --describe --all-groups
  kafka_tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "127.0.0.1:$STACK_KAFKA_PORT" "$@"
}
