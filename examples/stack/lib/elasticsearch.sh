# shellcheck shell=bash
# Elasticsearch: one node.

elasticsearch_ports() {
  echo "STACK_ES_PORT $STACK_ES_PORT"
  echo "STACK_ES_TRANSPORT_PORT $STACK_ES_TRANSPORT_PORT"
}

elasticsearch_run() {
  local home settings; home=$(home_of elasticsearch)
  read -ra settings <<<"$STACK_ES_SETTINGS"
  # the distribution's own JVM options, as far as they matter without its launcher
  java_exec elasticsearch "$STACK_ES_HEAP" -Xms"$STACK_ES_HEAP" -XX:+UseG1GC -XX:MaxDirectMemorySize=256m \
    -Dfile.encoding=UTF-8 -Djna.nosys=true -Dio.netty.noUnsafe=true -Dio.netty.noKeySetOptimization=true \
    -Dio.netty.recycler.maxCapacityPerThread=0 -Dio.netty.allocator.numDirectArenas=0 -Dlog4j.shutdownHookEnabled=false \
    -Dlog4j2.disable.jmx=true -Dlog4j2.formatMsgNoLookups=true -Des.path.home="$home" \
    --module-path "$home/server" --add-modules=jdk.net --add-modules=ALL-MODULE-PATH -cp "$home/node" EsNode \
    cluster.name=stack node.name=es-1 discovery.type=single-node network.host=127.0.0.1 \
    http.port="$STACK_ES_PORT" transport.port="$STACK_ES_TRANSPORT_PORT" \
    path.data="$STACK_DIR/elasticsearch" path.logs="$STACK_DIR/log" \
    cluster.routing.allocation.disk.threshold_enabled=false "${settings[@]}"
}

elasticsearch_ready() {
  local health
  health=$(curl -sf -m 2 "http://127.0.0.1:$STACK_ES_PORT/_cluster/health?filter_path=status") || return 1
  waiting_for=$health
  [[ $health == *yellow* || $health == *green* ]]
}
