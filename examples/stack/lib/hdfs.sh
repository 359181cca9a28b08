# shellcheck shell=bash
# HDFS: a namenode and its datanodes, each a process of its own.

namenode_ports() {
  echo "STACK_NAMENODE_PORT $STACK_NAMENODE_PORT"
  echo "STACK_WEBHDFS_PORT $STACK_WEBHDFS_PORT"
}

datanode_ports() { # I
  local port=$((STACK_DATANODE_PORT + 3 * ($1 - 1))) i
  for i in 0 1 2; do echo "STACK_DATANODE_PORT $((port + i))"; done
}

property() { printf '  <property><name>%s</name><value>%s</value></property>\n' "$1" "$2"; }

# hdfs_conf NAME [I] writes the configuration of the namenode, datanode I or the tools, and prints its folder.
hdfs_conf() {
  local dir="$STACK_DIR/conf/$1" setting
  mkdir -p "$dir"
  {
    echo '<configuration>'
    property fs.defaultFS "hdfs://127.0.0.1:$STACK_NAMENODE_PORT"
    property hadoop.tmp.dir "$STACK_DIR/tmp/hdfs"
    property hadoop.security.authentication simple
    property io.native.lib.available false
    echo '</configuration>'
  } >"$dir/core-site.xml"
  {
    echo '<configuration>'
    property dfs.namenode.rpc-address "127.0.0.1:$STACK_NAMENODE_PORT"
    property dfs.namenode.rpc-bind-host 127.0.0.1
    property dfs.namenode.http-address "127.0.0.1:$STACK_WEBHDFS_PORT"
    property dfs.namenode.http-bind-host 127.0.0.1
    property dfs.namenode.name.dir "file://$STACK_DIR/hdfs/name"
    # all blocks, not the default 0.999 of them, which of a few blocks means none: out of safe mode, every file can be read
    property dfs.namenode.safemode.threshold-pct 1.0
    property dfs.namenode.safemode.extension 0
    property dfs.namenode.handler.count 5
    property dfs.namenode.service.handler.count 5
    property dfs.namenode.datanode.registration.ip-hostname-check false
    # a dead datanode is noticed after 2 × recheck + 10 × heartbeat = 14 s, by default 10 min 30 s
    property dfs.heartbeat.interval 1
    property dfs.namenode.heartbeat.recheck-interval 2000
    property dfs.namenode.lease-recheck-interval-ms 1000
    property dfs.namenode.fs-limits.min-block-size 1024
    property dfs.namenode.resource.du.reserved 1048576
    property dfs.replication "$STACK_REPLICATION"
    property dfs.webhdfs.enabled true
    property dfs.client.use.datanode.hostname false
    if [ -n "${2:-}" ]; then
      local ports; mapfile -t ports < <(datanode_ports "$2")
      property dfs.datanode.data.dir "file://$STACK_DIR/hdfs/data$2"
      property dfs.datanode.address "127.0.0.1:${ports[0]#* }"
      property dfs.datanode.http.address "127.0.0.1:${ports[1]#* }"
      property dfs.datanode.ipc.address "127.0.0.1:${ports[2]#* }"
      property dfs.datanode.hostname 127.0.0.1
      property dfs.datanode.du.reserved 0
      property dfs.datanode.handler.count 3
    fi
    # a later property wins
    for setting in $STACK_HDFS_SETTINGS; do property "${setting%%=*}" "${setting#*=}"; done
    echo '</configuration>'
  } >"$dir/hdfs-site.xml"
  echo "$dir"
}

# hdfs_options CONF sets OPTIONS, the JVM's.
hdfs_options() {
  OPTIONS=(
    -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true -Dhadoop.log.dir="$STACK_DIR/log" -Dhadoop.home.dir="$STACK_DIR"
    -Dorg.slf4j.simpleLogger.showDateTime=true "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS"
    --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED
    --add-opens=java.base/java.io=ALL-UNNAMED --add-opens=java.base/java.nio=ALL-UNNAMED
    -cp "$1:$(home_of hdfs)/lib/*"
  )
}

namenode_run() {
  local class=org.apache.hadoop.hdfs.server.namenode.NameNode OPTIONS
  hdfs_options "$(hdfs_conf namenode)"
  [ -d "$STACK_DIR/hdfs/name/current" ] || "$JAVA" -XX:TieredStopAtLevel=1 "${OPTIONS[@]}" "$class" -format -nonInteractive -force
  java_exec namenode "$STACK_HDFS_HEAP" "${OPTIONS[@]}" "$class"
}

datanode_run() { # I
  local OPTIONS
  hdfs_options "$(hdfs_conf "datanode$1" "$1")"
  mkdir -p "$STACK_DIR/hdfs/data$1"; chmod 700 "$STACK_DIR/hdfs/data$1"
  java_exec "datanode$1" "$STACK_HDFS_HEAP" "${OPTIONS[@]}" org.apache.hadoop.hdfs.server.datanode.DataNode
}

jmx() { curl -sf -m 2 "http://127.0.0.1:$1/jmx?qry=Hadoop:service=$2"; } # PORT QUERY

# The namenode is ready when it lists every datanode that runs; out of safe mode it need only be when all of them run,
# for else it may rightly wait for blocks.
namenode_ready() {
  local beans live running=0 i
  beans=$(jmx "$STACK_WEBHDFS_PORT" NameNode,name=FSNamesystemState) || return 1
  for ((i = 1; i <= STACK_DATANODES; i++)); do [ "$(state_of "datanode$i")" != running ] || running=$((running + 1)); done
  [[ $beans =~ \"NumLiveDataNodes\"\ :\ ([0-9]+) ]] || return 1
  live=${BASH_REMATCH[1]}
  waiting_for="$live of $running datanodes"
  ((live >= running)) || return 1
  ((running == STACK_DATANODES)) || return 0
  waiting_for="safe mode"
  [[ $beans =~ \"FSState\"\ :\ \"Operational\" ]]
}

# A datanode is ready when it serves the namenode; while no namenode runs, when it answers.
datanode_ready() { # I
  local ports beans
  mapfile -t ports < <(datanode_ports "$1")
  beans=$(jmx "${ports[1]#* }" DataNode,name=DataNodeInfo) || return 1
  [ "$(state_of namenode)" = running ] || return 0
  waiting_for="registration with the namenode"
  [[ $beans == *'ActorState\":\"RUNNING'* ]]
}

hdfs_tool() { # CLASS ARGUMENT…
  local OPTIONS
  hdfs_options "$(hdfs_conf tools)"
  "$JAVA" -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error "${OPTIONS[@]}" "$@"
}

hdfs_safemode() { hdfs_tool org.apache.hadoop.hdfs.tools.DFSAdmin -safemode "$1"; }
hdfs_dfs() { hdfs_tool org.apache.hadoop.fs.FsShell "$@"; }
