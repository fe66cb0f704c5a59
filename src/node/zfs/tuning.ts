/**
 * Properties of a dataset that a person may have set for an application, with the values they can have (`zfs get -p`).
 * A stream does not carry them, so a new copy is given them; what a node says beyond this list is ignored.
 */
const allowed: Readonly<Record<string, RegExp>> = {
  recordsize:
    /^(512|1024|2048|4096|8192|16384|32768|65536|131072|262144|524288|1048576|2097152|4194304|8388608|16777216)$/,
  compression:
    /^(on|off|lz4|lzjb|zle|gzip|gzip-[1-9]|zstd|zstd-(1?[0-9])|zstd-fast|zstd-fast-(10|[1-9]|[2-9]0|100|500|1000))$/,
  logbias: /^(latency|throughput)$/,
  acltype: /^(off|noacl|nfsv4|posix|posixacl)$/,
  xattr: /^(on|off|sa|dir)$/,
  atime: /^(on|off)$/,
  primarycache: /^(all|none|metadata)$/,
};

export const tuningColumns: readonly string[] = Object.keys(allowed);

/** True for a property that is carried to a new copy, with a value it can have. */
export const isTuning = (name: string, value: string): boolean =>
  Object.hasOwn(allowed, name) && allowed[name]?.test(value) === true;

/** Only what is on the list. */
export const tuningOf = (values: Iterable<readonly [string, string]>): Readonly<Record<string, string>> =>
  Object.fromEntries([...values].filter(([name, value]) => isTuning(name, value)));
