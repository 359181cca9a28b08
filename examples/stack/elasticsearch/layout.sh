# shellcheck shell=bash
# layout.sh HOME lays out what Maven copied to HOME/lib as an Elasticsearch home: the server's modules in HOME/server, the
# HTTP transport and the handler of GET / as modules of the node in HOME/modules, the launcher in HOME/node.
(
  set -euo pipefail
  source="$HERE/elasticsearch"
  cd "$1"
  version=$(basename lib/elasticsearch-[0-9]*.jar .jar); version=${version#elasticsearch-}
  mkdir -p config plugins server node root modules/transport-netty4 modules/rest-root
  cp "$source/log4j2.properties" config/
  mv lib/netty-*.jar lib/transport-netty4-*.jar lib/elasticsearch-ssl-config-*.jar modules/transport-netty4/
  mv lib/*.jar server/
  rmdir lib
  (cd modules/transport-netty4 && jar -xf "transport-netty4-$version.jar" META-INF/es-plugins/transport-netty4/plugin-descriptor.properties &&
    mv META-INF/es-plugins/transport-netty4/plugin-descriptor.properties . && rm -r META-INF)
  javac -nowarn -d node -cp 'server/*' "$source/src/node/EsNode.java"
  javac -nowarn -d root -cp 'server/*' "$source/src/root/RootPlugin.java"
  jar -cf modules/rest-root/rest-root.jar -C root .
  rm -r root
  cat >modules/rest-root/plugin-descriptor.properties <<DESCRIPTOR
description=GET / handler
version=$version
name=rest-root
java.version=17
elasticsearch.version=$version
classname=sluice.stack.root.RootPlugin
DESCRIPTOR
)
