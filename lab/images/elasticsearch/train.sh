#!/bin/sh
# Runs in the finished tree while it is built: the server starts, takes an event and finds it, so that the classes for
# that are kept in an archive (class data sharing). On a slow machine it starts in half the time with it.
set -eu
home=/usr/share/elasticsearch
mount -t tmpfs -o mode=777 none "$home/data"
ip link set lo up
# The archive is only used with these very files, in this order: they get the time they will have in the image.
touch -d @0 "$home"/lib/*.jar "$home/jdk/lib/modules"
jars=$(printf '%s:' "$home"/lib/*.jar)
"$home/jdk/bin/java" -Xshare:dump -XX:+UseSerialGC >/dev/null
env discovery.type=single-node "$home/jdk/bin/java" -XX:ArchiveClassesAtExit="$home/classes.jsa" \
  "@$home/config/jvm.options" -cp "${jars%:}" Server >/tmp/train.log 2>&1 &
server=$!
json='Content-Type: application/json'
at=http://127.0.0.1:9200
tries=0
until wget -q -O /dev/null "$at/_cluster/health?wait_for_status=yellow" 2>/dev/null; do
  tries=$((tries + 1))
  if [ $tries -gt 480 ] || ! kill -0 "$server"; then
    cat /tmp/train.log >&2
    exit 1
  fi
  sleep 0.5
done
event='{"@timestamp":"2026-01-01T00:00:00Z","message":"trained"}'
wget -q -O /dev/null --header "$json" --post-data "{\"index\":{}}
$event
" "$at/logstash-train/_bulk?refresh=true"
wget -q -O - --header "$json" --post-data '{"query":{"query_string":{"query":"trained"}},"sort":[{"@timestamp":"desc"}],
"aggs":{"times":{"auto_date_histogram":{"field":"@timestamp","buckets":30}}}}' "$at/logstash-*/_search" | grep -q trained
kill -TERM "$server"
wait "$server" || [ $? -eq 143 ]
test -s "$home/classes.jsa"
# Does it fit? Nothing else would tell, it would only be slow.
"$home/jdk/bin/java" -Xshare:on -XX:SharedArchiveFile="$home/classes.jsa" "@$home/config/jvm.options" -cp "${jars%:}" \
  -Xlog:cds=warning:stderr -version 2>&1 | grep -q sharing
rm -rf /tmp/*
