/**
 * Properties that users may set on a dataset for an application, with their values (`zfs get -p`). Streams do not carry
 * them, so drover sets them on a new copy. Other properties and values of a node are ignored.
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

/** True for a property that new copies get, with a valid value. */
export const isTuning = (name: string, value: string): boolean =>
  Object.hasOwn(allowed, name) && allowed[name]?.test(value) === true;

/** The properties that new copies get. */
export const tuningOf = (values: Iterable<readonly [string, string]>): Readonly<Record<string, string>> =>
  Object.fromEntries([...values].filter(([name, value]) => isTuning(name, value)));
