# shellcheck shell=bash
# Jars: fetched once by Maven into STACK_CACHE, one folder for each state of the files that decide what is in it.

# home_of SERVICE prints the folder of its jars. Connect is Kafka's.
home_of() {
  local name=$1; [ "$name" != connect ] || name=kafka
  local version sum
  version=$(sed -n "s:.*<version\.[a-z]*>\(.*\)</version\.[a-z]*>.*:\1:p" "$HERE/$name/pom.xml")
  sum=$(find "$HERE/$name" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | cksum)
  echo "$STACK_CACHE/$name-$version-${sum%% *}"
}

cmd_fetch() {
  (($#)) || set -- kafka hdfs elasticsearch
  local services=() part
  expand "$@"
  for part in "${PARTS[@]}"; do services+=("$(service_of "$part")"); done
  check_java
  fetch_services "${services[@]}"
  for part in "${services[@]}"; do home_of "$part"; done | sort -u
}

fetch_services() { # SERVICE…
  local service home
  for service in "$@"; do
    home=$(home_of "$service")
    [ -d "$home" ] || fetch "$home"
    [[ $service = hdfs && $STACK_HDFS_SECURITY = kerberos ]] || continue
    home=$(home_of kerberos)
    [ -d "$home" ] || fetch "$home"
  done
}

fetch() { # HOME
  local home=$1 name=${1##*/} work="$1.partial"
  mkdir -p "$STACK_CACHE"
  # Maven keeps the lock (descriptor 7) as long as it runs, even when this command is ended
  exec 7>"$STACK_CACHE/lock"
  flock -n 7 || { say "waiting for another stack that fetches"; flock 7; }
  if [ ! -d "$home" ]; then
    rm -rf "$work"; mkdir -p "$work"
    maven "$name" "$work"
    case "$name" in
      kafka-*) # a plugin is not on the class path
        mkdir -p "$work/plugins/file"; mv "$work"/lib/connect-file-*.jar "$work/plugins/file/" ;;
      elasticsearch-*) (. "$HERE/elasticsearch/layout.sh" "$work") ;;
    esac
    mv "$work" "$home"
  fi
  exec 7>&-
}

maven() { # NAME WORK
  local begun told now log="$STACK_CACHE/$1.log"
  command -v mvn >/dev/null || die "no mvn found: install Maven 3.6 or later"
  begun=$(now_ms) told=$begun
  say "fetching $1"
  mvn -B -f "$HERE/${1%%-*}/pom.xml" dependency:copy-dependencies -DoutputDirectory="$2/lib" >"$log" 2>&1 </dev/null &
  local child=$!
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    now=$(now_ms)
    if ((now - told >= 3000)); then told=$now; say "$(seconds $((now - begun))) s, $(grep -c '^Downloaded' "$log" || true) files"; fi
  done
  wait "$child" || { tail -n 20 "$log" >&2; die "Maven could not fetch $1: see $log"; }
  say "fetched $1, $(du -sm "$2/lib" | cut -f1) MB in $(seconds $(($(now_ms) - begun))) s"
}
