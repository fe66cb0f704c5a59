/**
 * POOL SEPARATOR: for each line of container ids on stdin, prints a sample and then the separator, until stdin ends. One
 * shell serves the whole connection, because a session for each sample would start a login shell. The shell starts
 * other programs only to read the pool.
 *
 * Lines: `cpu BUSY TOTAL` (jiffies), `cores N`, `up SECONDS`, `load N`, `memory TOTAL AVAILABLE` (KiB), `pool` with
 * `zpool list -Hp` behind it, and for each container `container ID CPU-NANOSECONDS MEMORY-BYTES`, from cgroup v2 or v1
 * with the systemd or the cgroupfs driver. What is missing is left out.
 */
export const figuresScript = `export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
pool=$1 separator=$2 root=/sys/fs/cgroup
cores=0
while read -r name _; do case $name in cpu[0-9]*) cores=$((cores + 1)) ;; esac; done </proc/stat

# FILE NAME: the value behind a name in a file of names and values
value() { while read -r name number _; do [ "$name" = "$2" ] && { found=$number; return 0; }; done <"$1"; return 1; }

container() {
  local id=$1 place cpu memory
  for place in "$root/system.slice/docker-$id.scope" "$root/docker/$id"; do
    [ -r "$place/memory.current" ] || continue
    value "$place/cpu.stat" usage_usec || return
    cpu=$found
    read -r memory <"$place/memory.current"
    value "$place/memory.stat" inactive_file || found=0
    printf 'container %s %s000 %s\\n' "$id" "$cpu" $((memory > found ? memory - found : 0))
    return
  done
  for place in "docker/$id" "system.slice/docker-$id.scope"; do
    [ -r "$root/memory/$place/memory.usage_in_bytes" ] && [ -r "$root/cpuacct/$place/cpuacct.usage" ] || continue
    read -r cpu <"$root/cpuacct/$place/cpuacct.usage"
    read -r memory <"$root/memory/$place/memory.usage_in_bytes"
    value "$root/memory/$place/memory.stat" total_inactive_file || found=0
    printf 'container %s %s %s\\n' "$id" "$cpu" $((memory > found ? memory - found : 0))
    return
  done
}

while IFS= read -r ids; do
  # Guest time is in user time already. iowait is idle time.
  read -r _ user nice system idle iowait irq softirq steal _ </proc/stat
  busy=$((user + nice + system + irq + softirq + steal))
  printf 'cpu %s %s\\ncores %s\\n' "$busy" $((busy + idle + iowait)) "$cores"
  read -r up _ </proc/uptime
  read -r load _ </proc/loadavg
  printf 'up %s\\nload %s\\n' "$up" "$load"
  value /proc/meminfo MemTotal: && total=$found
  value /proc/meminfo MemAvailable: && printf 'memory %s %s\\n' "$total" "$found"
  printf 'pool\\t%s\\t%s\\n' "$(zpool list -Hp -o name,health,size,free "$pool" 2>&1)" "$(zfs list -Hp -o avail "$pool" 2>/dev/null)"
  for id in $ids; do container "$id"; done
  printf '%s\\n' "$separator"
done
`;
