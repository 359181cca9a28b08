# shellcheck shell=bash
# Processes: each part is one process, recorded in pid/PART as "PID START LOG": its id, the kernel's start time (so that
# a reused id is never taken for ours; invariant 4 of doc.go) and the size of its log before it started.

lock_stack() {
  mkdir -p "$STACK_DIR"/{pid,log,conf,tmp}
  exec 9>"$STACK_DIR/lock"
  flock -n 9 || { say "waiting for another stack command in $STACK_DIR"; flock 9; }
}

recorded_parts() {
  local file
  for file in "$STACK_DIR"/pid/*; do [ ! -f "$file" ] || echo "${file##*/}"; done
}

# process_stat PID sets process_state and process_start; fails when there is no such process.
process_stat() {
  local stat fields
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  process_state=${fields[0]} process_start=${fields[19]}
}

# alive PART sets pid, log_from (where in its log this start begins) and process_state; a dead child that nobody has reaped is not alive.
alive() {
  local start
  pid="" log_from=0
  { read -r pid start log_from <"$STACK_DIR/pid/$1"; } 2>/dev/null || return 1
  process_stat "$pid" && [ "$process_start" = "$start" ] && [[ $process_state != [ZX] ]]
}

# dying PART: its first thread has ended, but not all others, which may listen on its ports yet.
dying() {
  local start threads
  { read -r pid start _ <"$STACK_DIR/pid/$1"; } 2>/dev/null || return 1
  process_stat "$pid" && [ "$process_start" = "$start" ] || return 1
  threads=("/proc/$pid/task/"*)
  ((${#threads[@]} > 1))
}

# stopped PART waits until all threads of a part that was paused stand still: one of them tells the others, and does so when it runs.
stopped() {
  local end=$(($(now_ms) + STACK_TIMEOUT * 1000))
  while alive "$1" && [ -n "$(sed 's/^.*) //; /^[TtZX]/d' "/proc/$pid/task/"*/stat 2>/dev/null || true)" ]; do
    (($(now_ms) < end)) || die "$1 does not stand still"
    sleep 0.05
  done
}

state_of() {
  if alive "$1"; then
    if [ "$process_state" = T ]; then echo paused; else echo running; fi
  elif [ -f "$STACK_DIR/pid/$1" ]; then echo dead
  else echo stopped; fi
}

memory_mb() { awk '/^VmRSS/ {print int($2 / 1024)}' "/proc/$1/status" 2>/dev/null; } # PID
log_tail() { say "last lines of $STACK_DIR/log/$1.log:"; tail -n 20 "$STACK_DIR/log/$1.log" >&2; } # PART

# check_ports fails where somebody listens. A part that was killed may do so for a moment yet: its threads end one by one.
check_ports() { # PART…
  local part variable port until
  for part in "$@"; do
    until=$(now_ms)
    [ ! -f "$STACK_DIR/pid/$part" ] || until=$((until + 10000))
    while read -r variable port; do
      while listening "$port"; do
        (($(now_ms) < until)) || die "port $port is in use, $part cannot start: set $variable to another, or STACK_PORTS=free"
        sleep 0.1
      done
    done < <(call ports "$part")
  done
}

launch() { # PART
  local log="$STACK_DIR/log/$1.log" size=0
  [ ! -f "$log" ] || size=$(stat -c %s "$log")
  setsid "$HERE/stack" run "$1" >>"$log" 2>&1 </dev/null 9>&- &
  process_stat $! || die "$1 did not start: see $log"
  echo "$! $process_start $size" >"$STACK_DIR/pid/$1"
}

# run_part becomes the part: prepares its data and configuration, then the JVM takes over the process.
run_part() {
  expand "$1"
  [ "${PARTS[*]}" = "$1" ] || die "$1 has several parts: ${PARTS[*]}"
  mkdir -p "$STACK_DIR"/{log,conf,tmp/"$1"}
  call run "$1"
}

# java_exec PART HEAP ARGUMENT… ends in the JVM; stack.part shows in the process list whose it is.
java_exec() {
  local part=$1 heap=$2; shift 2
  # shellcheck disable=SC2086  # options are separated by spaces
  exec "$JAVA" -Xmx"$heap" -Djava.awt.headless=true -Djava.io.tmpdir="$STACK_DIR/tmp/$part" -Dstack.part="$STACK_DIR/$part" ${STACK_JAVA_OPTS:-} "$@"
}

check_java() {
  local version
  version=$({ "$JAVA" -version || true; } 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
  [ -n "$version" ] || die "no java found: install a JDK 17, or set STACK_JAVA_HOME"
  ((version >= 17 && version <= 23)) || die "java $version does not run all services: set STACK_JAVA_HOME to a JDK 17 to 23"
}

start_parts() { # PART…
  local part new=() services=()
  for part in "$@"; do
    case "$(state_of "$part")" in
      paused) die "$part is paused: stack resume $part" ;;
      running) ;;
      *) new+=("$part"); services+=("$(service_of "$part")") ;;
    esac
  done
  if ((${#new[@]})); then
    check_java
    fetch_services "${services[@]}"
    check_ports "${new[@]}"
    say "starting ${new[*]}"
    for part in "${new[@]}"; do launch "$part"; done
  fi
  await "$@"
}

# await returns when all parts answer as they should. A part's ready function sets waiting_for when it fails.
await() { # PART…
  local pending=("$@") left part begun now told waiting_for report
  begun=$(now_ms) told=$begun
  while ((${#pending[@]})); do
    left=() report="" now=$(now_ms)
    for part in "${pending[@]}"; do
      alive "$part" || { log_tail "$part"; die "$part ended before it was ready"; }
      waiting_for="no answer yet"
      if call ready "$part"; then
        say "$(printf '%-14s ready after %4s s  %s' "$part" "$(seconds $(($(now_ms) - begun)))" "$(part_address "$part")")"
      else
        left+=("$part") report+="${report:+, }$part ($waiting_for)"
      fi
    done
    pending=("${left[@]}")
    ((${#pending[@]})) || break
    if ((now - begun > STACK_TIMEOUT * 1000)); then
      for part in "${pending[@]}"; do log_tail "$part"; done
      die "not ready after $STACK_TIMEOUT s (STACK_TIMEOUT): $report"
    fi
    if ((now - told >= 5000)); then told=$now; say "$(seconds $((now - begun))) s, waiting for $report"; fi
    sleep 0.2
  done
}

part_address() { local variable port; read -r variable port <<<"$(call ports "$1")"; echo "127.0.0.1:$port"; } # PART

signal_part() { alive "$1" || return 0; kill -"$2" "$pid" 2>/dev/null || true; } # PART SIGNAL

# gone PART… waits until nothing is left of any; fails after the given milliseconds.
gone() { # MILLISECONDS PART…
  local part end=$(($(now_ms) + $1)); shift
  for part in "$@"; do
    while alive "$part" || dying "$part"; do
      (($(now_ms) < end)) || return 1
      sleep 0.05
    done
  done
}

kill_parts() { # PART…
  local part
  for part in "$@"; do signal_part "$part" KILL; done
  gone 10000 "$@" || die "still there after SIGKILL: $*"
  ((! $#)) || say "killed $*"
}

stop_parts() { # PART…
  local part rest=() live=()
  for part in "$@"; do
    if ! alive "$part"; then rm -f "$STACK_DIR/pid/$part"
    elif [ "$part" = connect ]; then stop_now connect # it leaves its group while Kafka is there
    else live+=("$part"); fi
  done
  # and Kafka and the rest do not wait for each other
  ((! ${#live[@]})) || stop_now "${live[@]}"
}

stop_now() { # PART…
  local part begun; begun=$(now_ms)
  say "stopping $*"
  for part in "$@"; do signal_part "$part" TERM; signal_part "$part" CONT; done
  for part in "$@"; do
    gone $((begun + STACK_STOP_TIMEOUT * 1000 - $(now_ms))) "$part" || {
      say "$part did not stop in $STACK_STOP_TIMEOUT s (STACK_STOP_TIMEOUT)"
      kill_parts "$part"
    }
    rm -f "$STACK_DIR/pid/$part"
  done
  say "stopped after $(seconds $(($(now_ms) - begun))) s"
}
