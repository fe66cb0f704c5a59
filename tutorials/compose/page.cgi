#!/bin/sh
# The page: writes a line into the database, counts the visit in the cache, and shows both numbers.
PGPASSWORD=$(cat /run/secrets/password)
export PGPASSWORD
entries=$(psql -qtA -h "$DATABASE" -U postgres -c '
  create table if not exists entries (at timestamptz default now());
  insert into entries default values;
  select count(*) from entries;' 2>/dev/null)
visits=$(printf 'INCR visits\r\nQUIT\r\n' | busybox nc -w 30 "$CACHE" 6379 | busybox head -n 1 | busybox tr -d ':\r')
case $entries$visits in
  '' | *[!0-9]*) printf 'Status: 503 Service Unavailable\r\n\r\n' ;;
  *) printf 'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n%s entries, %s visits\n' "$entries" "$visits" ;;
esac
