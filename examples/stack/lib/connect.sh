# shellcheck shell=bash
# Kafka Connect: one distributed worker with the file connector as its plugin.

connect_ports() { echo "STACK_CONNECT_PORT $STACK_CONNECT_PORT"; }

connect_properties() {
  cat <<PROPERTIES
bootstrap.servers=127.0.0.1:$STACK_KAFKA_PORT
group.id=connect-stack
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
offset.storage.topic=connect-offsets
offset.storage.replication.factor=1
offset.storage.partitions=5
config.storage.topic=connect-configs
config.storage.replication.factor=1
status.storage.topic=connect-status
status.storage.replication.factor=1
status.storage.partitions=3
listeners=http://127.0.0.1:$STACK_CONNECT_PORT
rest.advertised.host.name=127.0.0.1
rest.advertised.port=$STACK_CONNECT_PORT
plugin.path=$(home_of kafka)/plugins
PROPERTIES
  tr ' ' '\n' <<<"$STACK_CONNECT_SETTINGS"
}

connect_run() {
  local home conf="$STACK_DIR/conf/connect.properties" end
  home=$(home_of kafka)
  connect_properties >"$conf"
  # started together with Kafka it would only spend the time that Kafka needs
  end=$(($(now_ms) + STACK_TIMEOUT * 1000))
  until listening "$STACK_KAFKA_PORT"; do
    (($(now_ms) < end)) || die "no Kafka on port $STACK_KAFKA_PORT"
    sleep 0.2
  done
  java_exec connect "$STACK_CONNECT_HEAP" -XX:+UseG1GC -Dlog4j2.configurationFile="$HERE/kafka/log4j2.yaml" \
    -cp "$home/lib/*" org.apache.kafka.connect.cli.ConnectDistributed "$conf"
}

# GET / answers early; GET /connectors only when the worker has read its topics and joined its group.
connect_ready() { curl -sf -m 2 -o /dev/null "http://127.0.0.1:$STACK_CONNECT_PORT/connectors"; }
