#!/bin/sh
# One page: how often it was asked for, counted in the Redis that the link "redis" leads to.
answer=$(printf 'INCR hits\r\nQUIT\r\n' | nc -w 10 "$REDIS_PORT_6379_TCP_ADDR" "$REDIS_PORT_6379_TCP_PORT" | head -n 1)
case $answer in
  :*) status='200 OK' text="Hello! I have been seen $(printf '%s' "${answer#:}" | tr -d '\r') times." ;;
  *) status='503 Service Unavailable' text='The counter does not answer; try again.' ;;
esac
printf 'Status: %s\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n\r\n%s\n' "$status" "$text"
