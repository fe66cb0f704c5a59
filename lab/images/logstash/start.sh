#!/bin/sh
# In Logstash's place. A pipeline given with -e, as the official image takes it, is not read: rsyslog.conf says the same.
set -eu
: "${ES_PORT_9200_TCP_ADDR:?is missing: link this application to Elasticsearch with the alias es, port 9200}"
echo "rsyslog in Logstash's place: JSON lines from TCP port 5000 to Elasticsearch at $ES_PORT_9200_TCP_ADDR:$ES_PORT_9200_TCP_PORT"
rm -f /tmp/rsyslog.pid
exec rsyslogd -n -i /tmp/rsyslog.pid -f /etc/drover-rsyslog.conf
