# shellcheck shell=bash
# Kerberos: a server for HDFS with STACK_HDFS_SECURITY=kerberos. Keytabs are STACK_DIR/kerberos/NAME.keytab.

REALM=SLUICE.STACK

kdc_ports() { echo "STACK_KDC_PORT $STACK_KDC_PORT"; }

# kdc_conf writes krb5.conf for daemons, tools and tests.
kdc_conf() {
  mkdir -p "$STACK_DIR/kerberos" "$STACK_DIR/conf/kerberos"
  cat >"$STACK_DIR/conf/kerberos/krb5.conf.new" <<CONF
[libdefaults]
  default_realm = $REALM
  kdc_realm = $REALM
  udp_preference_limit = 1
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  $REALM = {
    kdc = 127.0.0.1:$STACK_KDC_PORT
  }
[domain_realm]
  localhost = $REALM
CONF
  mv "$STACK_DIR/conf/kerberos/krb5.conf.new" "$STACK_DIR/conf/kerberos/krb5.conf"
}

kdc_run() {
  kdc_conf
  # shellcheck disable=SC2086  # names are separated by spaces
  java_exec kdc 64m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$(home_of kerberos)/lib/*" \
    "$HERE/kerberos/Kerberos.java" kdc "$STACK_KDC_PORT" "$REALM" "$STACK_DIR/kerberos" hdfs/localhost HTTP/localhost $STACK_KERBEROS_USERS
}

kdc_ready() { listening "$STACK_KDC_PORT"; }

# kinit NAME CACHE gets a ticket of a user, or of hdfs, the superuser.
kinit() {
  local principal=$1; [ "$1" != hdfs ] || principal=hdfs/localhost
  "$JAVA" -Xmx64m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$(home_of kerberos)/lib/*" \
    "$HERE/kerberos/Kerberos.java" kinit "$STACK_DIR/conf/kerberos" "$STACK_DIR/kerberos/$1.keytab" "$principal@$REALM" "$2"
}
