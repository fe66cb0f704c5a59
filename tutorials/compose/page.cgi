#!/bin/sh
# The page: writes a line into the database, counts the visit in the cache, and shows both numbers.
PGPASSWORD=$(cat /run/secrets/password)
export PGPASSWORD
# A query that is cut off is asked again.
try() { for _ in 1 2 3 4 5; do "$@" && return; sleep 1; done; }
query() {
  psql -qtA -h "$DATABASE" -U postgres -c '
    create table if not exists entries (at timestamptz default now());
    insert into entries default values;
    select count(*) from entries;' 2>/dev/null
}
visit() { printf 'INCR visits\r\nQUIT\r\n' | busybox nc -w 30 "$CACHE" 6379 | busybox grep '^:' | busybox tr -d ':\r'; }
entries=$(try query)
visits=$(try visit)
case $entries$visits in
  '' | *[!0-9]*) printf 'Status: 503 Service Unavailable\r\n\r\n' ;;
  *) printf 'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n%s entries, %s visits\n' "$entries" "$visits" ;;
esac
