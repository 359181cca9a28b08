# shellcheck shell=bash
# HDFS: a namenode, or an active and a standby one, and datanodes, each a process of its own.

namenode_ports() { # "" or 2
  local rpc="STACK_NAMENODE$1_PORT" http="STACK_WEBHDFS$1_PORT"
  echo "$rpc ${!rpc}"
  echo "$http ${!http}"
}

# hdfs_url is what clients connect to: the nameservice of a pair needs the files in conf/tools.
hdfs_url() {
  if ((STACK_NAMENODES == 2)); then echo hdfs://stack; else echo "hdfs://127.0.0.1:$STACK_NAMENODE_PORT"; fi
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
    property fs.defaultFS "$(hdfs_url)"
    property hadoop.tmp.dir "$STACK_DIR/tmp/hdfs"
    property hadoop.security.authentication "$STACK_HDFS_SECURITY"
    [ "$STACK_HDFS_SECURITY" = simple ] || property hadoop.security.authorization true
    property io.native.lib.available false
    echo '</configuration>'
  } >"$dir/core-site.xml"
  {
    echo '<configuration>'
    if ((STACK_NAMENODES == 2)); then
      hdfs_pair "$1"
    else
      property dfs.namenode.rpc-address "127.0.0.1:$STACK_NAMENODE_PORT"
      property dfs.namenode.http-address "127.0.0.1:$STACK_WEBHDFS_PORT"
      property dfs.namenode.name.dir "file://$STACK_DIR/hdfs/name"
    fi
    property dfs.namenode.rpc-bind-host 127.0.0.1
    property dfs.namenode.http-bind-host 127.0.0.1
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
    [ "$STACK_HDFS_SECURITY" = simple ] || hdfs_secure
    # a later property wins
    for setting in $STACK_HDFS_SETTINGS; do property "${setting%%=*}" "${setting#*=}"; done
    echo '</configuration>'
  } >"$dir/hdfs-site.xml"
  echo "$dir"
}

# hdfs_secure prints what Kerberos needs. Ports below 1024, which real datanodes have, are left out.
hdfs_secure() {
  local part
  for part in namenode datanode; do
    property "dfs.$part.kerberos.principal" "hdfs/localhost@$REALM"
    property "dfs.$part.keytab.file" "$STACK_DIR/kerberos/hdfs.keytab"
  done
  property dfs.web.authentication.kerberos.principal "HTTP/localhost@$REALM"
  property dfs.web.authentication.kerberos.keytab "$STACK_DIR/kerberos/HTTP.keytab"
  property dfs.block.access.token.enable true
  property dfs.data.transfer.protection integrity
  property ignore.secure.ports.for.testing true
}

# hdfs_pair NAME prints what an active and a standby namenode need. Who is active is told them by hand, see hdfs_activate.
hdfs_pair() {
  property dfs.nameservices stack
  property dfs.ha.namenodes.stack namenode,namenode2
  property dfs.namenode.rpc-address.stack.namenode "127.0.0.1:$STACK_NAMENODE_PORT"
  property dfs.namenode.rpc-address.stack.namenode2 "127.0.0.1:$STACK_NAMENODE2_PORT"
  property dfs.namenode.http-address.stack.namenode "127.0.0.1:$STACK_WEBHDFS_PORT"
  property dfs.namenode.http-address.stack.namenode2 "127.0.0.1:$STACK_WEBHDFS2_PORT"
  property dfs.namenode.shared.edits.dir "file://$STACK_DIR/hdfs/edits"
  property dfs.client.failover.proxy.provider.stack org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider
  property dfs.ha.fencing.methods "shell(/bin/true)"
  property dfs.ha.tail-edits.period 1
  case "$1" in
    namenode*)
      property dfs.ha.namenode.id "$1"
      property dfs.namenode.name.dir "file://$STACK_DIR/hdfs/${1/#namenode/name}"
      ;;
  esac
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
  [ "$STACK_HDFS_SECURITY" = simple ] || OPTIONS=("-Djava.security.krb5.conf=$STACK_DIR/conf/kerberos/krb5.conf" "${OPTIONS[@]}")
}

# await_kdc waits for the keytabs.
await_kdc() {
  [ "$STACK_HDFS_SECURITY" = kerberos ] || return 0
  until listening "$STACK_KDC_PORT"; do sleep 0.1; done
}

namenode_run() { # "" or 2
  local class=org.apache.hadoop.hdfs.server.namenode.NameNode data="$STACK_DIR/hdfs" OPTIONS
  hdfs_options "$(hdfs_conf "namenode$1")"
  hdfs_conf tools >/dev/null # for clients
  await_kdc
  if [ "$1" = 2 ]; then
    until [ -d "$data/name2" ]; do sleep 0.1; done # made by its peer
  elif [ ! -d "$data/name/current" ]; then
    "$JAVA" -XX:TieredStopAtLevel=1 "${OPTIONS[@]}" "$class" -format -nonInteractive -force
    # both begin with the same image; then the standby follows the edits
    ((STACK_NAMENODES == 1)) || { cp -r "$data/name" "$data/name2.new" && mv "$data/name2.new" "$data/name2"; }
  fi
  java_exec "namenode$1" "$STACK_HDFS_HEAP" "${OPTIONS[@]}" "$class"
}

datanode_run() { # I
  local OPTIONS
  hdfs_options "$(hdfs_conf "datanode$1" "$1")"
  await_kdc
  mkdir -p "$STACK_DIR/hdfs/data$1"; chmod 700 "$STACK_DIR/hdfs/data$1"
  java_exec "datanode$1" "$STACK_HDFS_HEAP" "${OPTIONS[@]}" org.apache.hadoop.hdfs.server.datanode.DataNode
}

jmx() { curl -sf -m 2 "http://127.0.0.1:$1/jmx?qry=Hadoop:service=$2"; } # PORT QUERY

# The namenode is ready when it lists every datanode that runs; out of safe mode it need only be when all of them run,
# for else it may rightly wait for blocks. Of a pair one must be active; the standby may stay in safe mode while others write.
namenode_ready() { # "" or 2
  local port beans live running=0 i; port="STACK_WEBHDFS$1_PORT"
  beans=$(jmx "${!port}" NameNode,name=FSNamesystemState) || return 1
  for ((i = 1; i <= STACK_DATANODES; i++)); do [ "$(state_of "datanode$i")" != running ] || running=$((running + 1)); done
  [[ $beans =~ \"NumLiveDataNodes\"\ :\ ([0-9]+) ]] || return 1
  live=${BASH_REMATCH[1]}
  waiting_for="$live of $running datanodes"
  ((live >= running)) || return 1
  ((STACK_NAMENODES == 1)) || one_active "$1" || return 1
  ((running == STACK_DATANODES)) || return 0
  [ "$(ha_state "$1")" = active ] || return 0
  waiting_for="safe mode"
  [[ $beans =~ \"FSState\"\ :\ \"Operational\" ]]
}

# ha_state "" or 2 prints active or standby, and nothing while there is no answer.
ha_state() {
  local port beans; port="STACK_WEBHDFS$1_PORT"
  beans=$(jmx "${!port}" NameNode,name=NameNodeStatus) || return 0
  [[ ! $beans =~ \"State\"\ :\ \"([a-z]+)\" ]] || echo "${BASH_REMATCH[1]}"
}

# one_active "" or 2 makes the first of a pair active when neither is. A paused one may be, and is not known to be dead.
one_active() {
  waiting_for="an active namenode"
  [[ $(ha_state "") != active && $(ha_state 2) != active ]] || return 0
  [[ -z $1 && $(state_of namenode2) != paused && $(ha_state "") = standby ]] || return 1
  hdfs_admin DFSHAAdmin -transitionToActive namenode >/dev/null 2>&1
}

# hdfs_activate namenode|namenode2 makes one of a pair active. The other hands over in good order; where it cannot it is
# killed first, as the fencing of a real cluster does.
hdfs_activate() {
  local to=$1 from=namenode
  ((STACK_NAMENODES == 2)) || die "activate needs a pair: STACK_NAMENODES is $STACK_NAMENODES"
  [[ $to = namenode || $to = namenode2 ]] || die "activate: namenode or namenode2"
  [ "$to" = namenode2 ] || from=namenode2
  alive "$to" || die "$to is not running"
  if [ "$(state_of "$from")" = running ]; then
    hdfs_admin DFSHAAdmin -failover "$from" "$to"
  else
    ! alive "$from" || kill_parts "$from"
    hdfs_admin DFSHAAdmin -transitionToActive --forceactive "$to" <<<Y
  fi
  say "$to is active"
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
  if [ "$STACK_HDFS_SECURITY" = kerberos ]; then
    export KRB5CCNAME="$STACK_DIR/tmp/superuser.krb5cc"
    [ -n "$(find "$KRB5CCNAME" -mmin -300 2>/dev/null)" ] || kinit hdfs "$KRB5CCNAME"
  fi
  hdfs_options "$(hdfs_conf tools)"
  "$JAVA" -Xmx256m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error "${OPTIONS[@]}" "$@"
}

hdfs_admin() { hdfs_tool "org.apache.hadoop.hdfs.tools.$1" "${@:2}"; } # DFSAdmin or DFSHAAdmin, ARGUMENT…
hdfs_safemode() { hdfs_admin DFSAdmin -safemode "$1"; }
hdfs_dfs() { hdfs_tool org.apache.hadoop.fs.FsShell "$@"; }
