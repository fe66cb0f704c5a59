#!/bin/bash
# Bash, because other shells drop variables with a dot in their names, and those are the settings. ES_JAVA_OPTS as in
# the official image; words of a command are ignored.
set -eu
home=/usr/share/elasticsearch
jars=$(printf '%s:' "$home"/lib/*.jar)
exec "$home/jdk/bin/java" -Xshare:auto -XX:SharedArchiveFile="$home/classes.jsa" "@$home/config/jvm.options" \
  ${ES_JAVA_OPTS:-} -cp "${jars%:}" Server
