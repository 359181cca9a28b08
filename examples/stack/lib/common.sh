# shellcheck shell=bash
# Words to the user, time, and the names of services and parts.

say() { printf '%s\n' "$*" >&2; }
die() { printf 'stack: %s\n' "$*" >&2; exit 1; }
need() { [ -n "${3:-}" ] || die "usage: stack $1 $2"; } # COMMAND WHAT ARGUMENT…

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }
seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); } # MILLISECONDS

# expand SERVICE… sets PARTS: the processes of these services, each once.
expand() {
  local name i seen=" "
  PARTS=()
  add_part() { [[ $seen == *" $1 "* ]] || { PARTS+=("$1"); seen+="$1 "; }; }
  for name in "$@"; do
    case "$name" in
      kafka | connect | elasticsearch | namenode) add_part "$name" ;;
      namenode2)
        ((STACK_NAMENODES == 2)) || die "no namenode2: STACK_NAMENODES is $STACK_NAMENODES"
        add_part namenode2
        ;;
      kdc)
        [ "$STACK_HDFS_SECURITY" = kerberos ] || die "no kdc: STACK_HDFS_SECURITY is $STACK_HDFS_SECURITY"
        add_part kdc
        ;;
      hdfs)
        [ "$STACK_HDFS_SECURITY" = simple ] || add_part kdc
        add_part namenode
        ((STACK_NAMENODES == 1)) || add_part namenode2
        for ((i = 1; i <= STACK_DATANODES; i++)); do add_part "datanode$i"; done
        ;;
      datanode[1-9] | datanode[1-9][0-9])
        ((${name#datanode} <= STACK_DATANODES)) || die "no $name: STACK_DATANODES is $STACK_DATANODES"
        add_part "$name"
        ;;
      *) die "unknown service \"$name\": there are kafka, connect, hdfs, elasticsearch, namenode, datanode1, datanode2 …" ;;
    esac
  done
}

# service_of PART prints the service it belongs to.
service_of() { case "$1" in namenode* | datanode* | kdc) echo hdfs ;; *) echo "$1" ;; esac; }

# call VERB PART runs the part's own function, for instance datanode_ready 2.
call() {
  case "$2" in
    datanode*) "datanode_$1" "${2#datanode}" ;;
    namenode*) "namenode_$1" "${2#namenode}" ;;
    *) "${2}_$1" ;;
  esac
}
