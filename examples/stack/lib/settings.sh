# shellcheck shell=bash
# Settings: what they are called, where their values come from, and the ports.

# service|variable|default|meaning. The ports in this order are a block of free ports, the datanodes' at its end.
settings_table() {
  cat <<'TABLE'
kafka|STACK_KAFKA_PORT|19092|port of the broker
kafka|STACK_KAFKA_CONTROLLER_PORT|19093|port of its controller
kafka|STACK_KAFKA_HEAP|512m|heap
kafka|STACK_REBALANCE_DELAY_MS|3000|group.initial.rebalance.delay.ms; 0 spares tests the wait
kafka|STACK_KAFKA_SETTINGS||further broker settings, "a=b c=d"
connect|STACK_CONNECT_PORT|18083|port of Kafka Connect's REST API
connect|STACK_CONNECT_HEAP|512m|heap
connect|STACK_CONNECT_SETTINGS||further worker settings, "a=b c=d"
elasticsearch|STACK_ES_PORT|19200|port of the HTTP API
elasticsearch|STACK_ES_TRANSPORT_PORT|19300|port between nodes
elasticsearch|STACK_ES_HEAP|512m|heap
elasticsearch|STACK_ES_SETTINGS||further node settings, "a=b c=d"
hdfs|STACK_NAMENODE_PORT|19000|RPC port of the namenode
hdfs|STACK_WEBHDFS_PORT|19870|HTTP port of the namenode: WebHDFS, metrics, pages
hdfs|STACK_NAMENODE2_PORT|19001|RPC port of namenode2
hdfs|STACK_WEBHDFS2_PORT|19871|HTTP port of namenode2
hdfs|STACK_KDC_PORT|19088|port of the Kerberos server
hdfs|STACK_DATANODE_PORT|19100|first port of datanode1; each datanode takes three (data, HTTP, RPC), one after the other
hdfs|STACK_NAMENODES|1|2: a pair with shared edits, one active and one standby, as nameservice "stack"
hdfs|STACK_DATANODES|3|number of datanodes, at most 18
hdfs|STACK_REPLICATION|2|copies of a block
hdfs|STACK_HDFS_SECURITY|simple|simple, or kerberos: with a server for the realm SLUICE.STACK, keytabs in kerberos/NAME.keytab
hdfs|STACK_KERBEROS_USERS|alice bob|principals besides hdfs/localhost, the superuser
hdfs|STACK_HDFS_HEAP|256m|heap of each daemon
hdfs|STACK_HDFS_SETTINGS||further settings of hdfs-site.xml, "a=b c=d"
TABLE
}

# What belongs to one call and not to the stack.
session_table() {
  cat <<'TABLE'
STACK_DIR|data/stack in the repository|data, logs, pids and settings of this stack
STACK_CACHE|${XDG_CACHE_HOME:-$HOME/.cache}/sluice-stack|jars, shared by all stacks
STACK_PORTS|fixed|"free": take free ports instead of the defaults and keep them for this STACK_DIR
STACK_TIMEOUT|180|seconds that up, start and restart wait for a service
STACK_STOP_TIMEOUT|30|seconds that down and restart wait before SIGKILL
STACK_JAVA_HOME|JAVA_HOME, else java of the PATH|Java 17 to 23, with javac
STACK_JAVA_OPTS||further options for every JVM
TABLE
}

settings_help() {
  local service name default meaning
  echo "Variables of one call:"
  while IFS='|' read -r name default meaning; do printf '  %-28s %s [%s]\n' "$name" "$meaning" "${default:-none}"; done < <(session_table)
  echo
  echo "Variables of a stack. The first \"up\" records them in STACK_DIR/env; from then on the record holds, but for a"
  echo "service that is started anew the environment goes first:"
  while IFS='|' read -r service name default meaning; do
    printf '  %-28s %s: %s [%s]\n' "$name" "$service" "$meaning" "${default:-none}"
  done < <(settings_table)
}

session_settings() {
  local root; root="$(cd "$HERE/../.." && pwd)"
  STACK_DIR="${STACK_DIR:-$root/data/stack}"
  [[ $STACK_DIR == /* ]] || STACK_DIR="$PWD/$STACK_DIR"
  [[ $STACK_DIR =~ ^[A-Za-z0-9_./@+,=-]+$ ]] || die "STACK_DIR \"$STACK_DIR\": use letters, digits and _./@+,=- only (HDFS reads it as part of a URI)"
  STACK_CACHE="${STACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice-stack}"
  [[ $STACK_CACHE == /* ]] || STACK_CACHE="$PWD/$STACK_CACHE"
  STACK_PORTS="${STACK_PORTS:-fixed}"
  case "$STACK_PORTS" in fixed | free) ;; *) die "STACK_PORTS \"$STACK_PORTS\": fixed or free" ;; esac
  STACK_TIMEOUT="${STACK_TIMEOUT:-180}"
  STACK_STOP_TIMEOUT="${STACK_STOP_TIMEOUT:-30}"
  local home="${STACK_JAVA_HOME:-${JAVA_HOME:-}}"
  JAVA="${home:+$home/bin/}java"
  export STACK_DIR STACK_CACHE STACK_TIMEOUT
  # the daemons run as who starts them, whatever a client in this shell calls itself
  unset HADOOP_USER_NAME
}

declare -A GIVEN=() RECORDED=()

# load_settings sets every variable of the stack: as recorded, else as given in the environment, else the default.
load_settings() {
  local name default value _
  if [ -f "$STACK_DIR/env" ]; then
    while IFS='=' read -r name value; do RECORDED[$name]=$value; done <"$STACK_DIR/env"
  fi
  while IFS='|' read -r _ name default _; do
    [ -z "${!name+set}" ] || GIVEN[$name]=${!name}
    declare -g "$name=${RECORDED[$name]-${GIVEN[$name]-$default}}"
  done < <(settings_table)
}

# settings_for_start lets the environment go before the record for every service that does not run, and records the result.
settings_for_start() {
  local service name running=" " part block="" offset=0 _
  for part in $(recorded_parts); do ! alive "$part" || running+="$(service_of "$part") "; done
  [ "$STACK_PORTS" = fixed ] || block=$(claim_ports)
  while IFS='|' read -r service name _ _; do
    if [[ $running == *" $service "* ]]; then
      [ "${GIVEN[$name]-${!name}}" = "${!name}" ] ||
        say "$name=${GIVEN[$name]} has no effect: $service runs with \"${!name}\"; stack down $service first"
    elif [ -n "${GIVEN[$name]+set}" ]; then
      declare -g "$name=${GIVEN[$name]}"
    elif [[ $block && $name == *_PORT ]]; then
      declare -g "$name=$((block + offset))"
    fi
    [[ $name != *_PORT ]] || offset=$((offset + 1))
  done < <(settings_table)
  [[ $STACK_DATANODES =~ ^([1-9]|1[0-8])$ ]] || die "STACK_DATANODES \"$STACK_DATANODES\": 1 to 18"
  [[ $STACK_NAMENODES =~ ^[12]$ ]] || die "STACK_NAMENODES \"$STACK_NAMENODES\": 1 or 2"
  [[ $STACK_HDFS_SECURITY = simple || $STACK_HDFS_SECURITY = kerberos ]] || die "STACK_HDFS_SECURITY \"$STACK_HDFS_SECURITY\": simple or kerberos"
  while IFS='|' read -r _ name _ _; do printf '%s=%s\n' "$name" "${!name}"; done < <(settings_table) >"$STACK_DIR/env.new"
  mv "$STACK_DIR/env.new" "$STACK_DIR/env"
}

print_env() {
  printf 'export KAFKA_BOOTSTRAP=127.0.0.1:%s\n' "$STACK_KAFKA_PORT"
  printf 'export CONNECT_URL=http://127.0.0.1:%s\n' "$STACK_CONNECT_PORT"
  printf 'export HDFS_URL=%s\n' "$(hdfs_url)"
  printf 'export HADOOP_CONF_DIR=%s\n' "$STACK_DIR/conf/tools"
  printf 'export HADOOP_CLASSPATH=%s\n' "$(home_of hdfs)/lib/*"
  printf 'export WEBHDFS_URL=http://127.0.0.1:%s\n' "$STACK_WEBHDFS_PORT"
  [ "$STACK_HDFS_SECURITY" = simple ] || printf 'export KRB5_CONFIG=%s\n' "$STACK_DIR/conf/kerberos/krb5.conf"
  printf 'export WEBHDFS2_URL=http://127.0.0.1:%s\n' "$STACK_WEBHDFS2_PORT"
  printf 'export ELASTICSEARCH_URL=http://127.0.0.1:%s\n' "$STACK_ES_PORT"
}

listening() { grep -qsE ":$(printf '%04X' "$1") [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6; } # PORT

# claim_ports prints the first port of a block of 64 that belongs to this STACK_DIR. Blocks lie below the ports that the
# system gives to clients and to listeners on port 0, so that a killed service finds its port free again (invariants 1 and 2 of doc.go).
claim_ports() {
  local claims="$STACK_CACHE/ports" block owner dir i port
  mkdir -p "$claims"
  (
    flock 8
    for owner in "$claims"/[0-9]*; do
      { read -r dir <"$owner"; } 2>/dev/null || continue
      if [ "$dir" = "$STACK_DIR" ]; then echo "${owner##*/}"; return; fi
      [ -f "$dir/env" ] || rm -f "$owner" # its stack was wiped away
    done
    for ((i = 0; i < 500; i++)); do
      block=$((20032 + SRANDOM % 198 * 64))
      [ ! -e "$claims/$block" ] || continue
      for ((port = block; port < block + 64; port++)); do ! listening "$port" || continue 2; done
      # the stack's own record comes later: it must exist before another start looks
      [ -f "$STACK_DIR/env" ] || : >"$STACK_DIR/env"
      echo "$STACK_DIR" >"$claims/$block"
      echo "$block"
      return
    done
    die "no block of 64 free ports between 20032 and 32703: name the ports with the variables of stack help"
  ) 8>"$claims/lock"
}

release_ports() {
  local claim dir
  for claim in "$STACK_CACHE/ports"/[0-9]*; do
    { read -r dir <"$claim"; } 2>/dev/null || continue
    [ "$dir" != "$STACK_DIR" ] || rm -f "$claim"
  done
}
