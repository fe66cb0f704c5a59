import { canonicalJson } from '../canonical-json.ts';
import { type ContentHash, SealedContent } from './sealed-content.ts';

/** How the forms write a value; config/forms/container-options.ts has one reader for each. */
export type OptionKind =
  | 'text'
  | 'word'
  | 'flag'
  | 'integer'
  | 'bytes'
  | 'cpus'
  | 'microseconds'
  | 'list'
  | 'map'
  | 'labels'
  | 'devices'
  | 'gpus'
  | 'hosts'
  | 'logging'
  | 'ulimits'
  | 'blkio'
  | 'security';

/**
 * One more setting of a container, as plain data. It has Compose's key in every form that has it, and its value is what
 * Docker's create call takes. Docker reports most of these in another form, or mixed with defaults of the image and of
 * the node; so they are compared by a label that has what drover asked for, as Compose does it. All that a new one needs
 * is its row.
 */
export interface ContainerOption {
  readonly key: string;
  readonly kind: OptionKind;
  /** Its place in Docker's create call; `*`: its value has several keys of that section. */
  readonly docker: readonly [section: 'Config' | 'HostConfig' | 'query', key: string];
  /** Option of `docker create`, for the command log; absent: it is not logged. */
  readonly option?: string;
  /** Bounds of a number. */
  readonly range?: readonly [min: number, max: number];
  /** All values that a word can have. */
  readonly words?: readonly string[];
  /** A list can be written as one text. */
  readonly isSingle?: true;
  /** For the JSON schemas and the docs. */
  readonly about: string;
}

const config = (key: string): ContainerOption['docker'] => ['Config', key];
const host = (key: string): ContainerOption['docker'] => ['HostConfig', key];

// biome-ignore format: a table, one row for each
export const containerOptions: readonly ContainerOption[] = [
  { key: 'user', kind: 'text', docker: config('User'), option: '--user', about: 'User, or user:group, by name or number.' },
  { key: 'working_dir', kind: 'text', docker: config('WorkingDir'), option: '--workdir', about: 'Working directory.' },
  { key: 'hostname', kind: 'text', docker: config('Hostname'), option: '--hostname', about: 'Host name inside the container.' },
  { key: 'domainname', kind: 'text', docker: config('Domainname'), option: '--domainname', about: 'Domain name inside the container.' },
  { key: 'labels', kind: 'labels', docker: config('Labels'), option: '--label', about: "Labels of the container; not drover's own." },
  { key: 'annotations', kind: 'map', docker: host('Annotations'), option: '--annotation', about: 'Annotations for the runtime. Needs Docker 24.' },
  { key: 'stdin_open', kind: 'flag', docker: config('OpenStdin'), option: '--interactive', about: 'Keeps its standard input open.' },
  { key: 'tty', kind: 'flag', docker: config('Tty'), option: '--tty', about: 'Runs on a terminal.' },
  { key: 'stop_signal', kind: 'text', docker: config('StopSignal'), option: '--stop-signal', about: 'Signal that stops it.' },
  { key: 'mac_address', kind: 'text', docker: config('MacAddress'), option: '--mac-address', about: 'MAC address.' },
  { key: 'platform', kind: 'text', docker: ['query', 'platform'], option: '--platform', about: 'Platform of the image: os/arch, such as linux/arm64.' },
  { key: 'network_mode', kind: 'word', docker: host('NetworkMode'), option: '--network', words: ['none', 'host'], about: "none: no network. host: the node's own; then it has no ports." },

  { key: 'dns', kind: 'list', isSingle: true, docker: host('Dns'), option: '--dns', about: 'DNS servers.' },
  { key: 'dns_opt', kind: 'list', docker: host('DnsOptions'), option: '--dns-option', about: 'Options of the resolver.' },
  { key: 'dns_search', kind: 'list', isSingle: true, docker: host('DnsSearch'), option: '--dns-search', about: 'Search domains.' },
  { key: 'extra_hosts', kind: 'hosts', docker: host('ExtraHosts'), option: '--add-host', about: 'More names: "name=address", where host-gateway is the node.' },

  { key: 'mem_reservation', kind: 'bytes', docker: host('MemoryReservation'), option: '--memory-reservation', about: 'Memory that it keeps when the node runs short.' },
  { key: 'memswap_limit', kind: 'bytes', range: [-1, Number.MAX_SAFE_INTEGER], docker: host('MemorySwap'), option: '--memory-swap', about: 'Limit of memory and swap together; -1: swap without a limit.' },
  { key: 'mem_swappiness', kind: 'integer', range: [0, 100], docker: host('MemorySwappiness'), option: '--memory-swappiness', about: 'How readily the kernel swaps it out, from 0 to 100.' },
  { key: 'shm_size', kind: 'bytes', docker: host('ShmSize'), option: '--shm-size', about: 'Size of /dev/shm.' },
  { key: 'cpus', kind: 'cpus', docker: host('NanoCpus'), about: 'How many CPUs it may use, such as 0.5.' },
  { key: 'cpuset', kind: 'text', docker: host('CpusetCpus'), option: '--cpuset-cpus', about: 'CPUs that it may use, such as 0-3 or 0,1.' },
  { key: 'cpu_period', kind: 'microseconds', docker: host('CpuPeriod'), option: '--cpu-period', about: 'Period of the CPU scheduler: microseconds, or a duration.' },
  { key: 'cpu_quota', kind: 'microseconds', docker: host('CpuQuota'), option: '--cpu-quota', about: 'CPU time in a period.' },
  { key: 'cpu_rt_period', kind: 'microseconds', docker: host('CpuRealtimePeriod'), option: '--cpu-rt-period', about: 'Period of the realtime scheduler.' },
  { key: 'cpu_rt_runtime', kind: 'microseconds', docker: host('CpuRealtimeRuntime'), option: '--cpu-rt-runtime', about: 'Realtime CPU time in a period.' },
  { key: 'pids_limit', kind: 'integer', range: [-1, Number.MAX_SAFE_INTEGER], docker: host('PidsLimit'), option: '--pids-limit', about: 'Most processes; -1: no limit.' },
  { key: 'ulimits', kind: 'ulimits', docker: host('Ulimits'), about: 'Limits of its processes: a number, or soft and hard.' },
  { key: 'blkio_config', kind: 'blkio', docker: host('*'), about: 'Limits of block devices.' },
  { key: 'oom_kill_disable', kind: 'flag', docker: host('OomKillDisable'), option: '--oom-kill-disable', about: 'The kernel does not kill it when memory runs out.' },
  { key: 'oom_score_adj', kind: 'integer', range: [-1000, 1000], docker: host('OomScoreAdj'), option: '--oom-score-adj', about: 'How soon the kernel kills it when memory runs out.' },

  { key: 'cap_add', kind: 'list', docker: host('CapAdd'), option: '--cap-add', about: 'Capabilities that it gets.' },
  { key: 'cap_drop', kind: 'list', docker: host('CapDrop'), option: '--cap-drop', about: 'Capabilities that it loses.' },
  { key: 'privileged', kind: 'flag', docker: host('Privileged'), option: '--privileged', about: 'It may do what root on the node may do.' },
  { key: 'read_only', kind: 'flag', docker: host('ReadonlyRootfs'), option: '--read-only', about: 'Its own file system is read-only.' },
  { key: 'security_opt', kind: 'security', docker: host('*'), about: 'Options of SELinux, AppArmor and seccomp.' },
  { key: 'group_add', kind: 'list', docker: host('GroupAdd'), option: '--group-add', about: 'More groups of its user.' },
  { key: 'userns_mode', kind: 'word', words: ['host'], docker: host('UsernsMode'), option: '--userns', about: "host: the node's user namespace." },
  { key: 'devices', kind: 'devices', docker: host('*'), about: 'Devices of the node: "/dev/ttyUSB0:/dev/ttyUSB0:rwm".' },
  { key: 'device_cgroup_rules', kind: 'list', docker: host('DeviceCgroupRules'), option: '--device-cgroup-rule', about: 'Rules for devices.' },
  { key: 'gpus', kind: 'gpus', docker: host('DeviceRequests'), about: 'GPUs: all, or a list of requests.' },
  { key: 'sysctls', kind: 'map', docker: host('Sysctls'), option: '--sysctl', about: 'Kernel parameters of its namespaces.' },
  { key: 'init', kind: 'flag', docker: host('Init'), option: '--init', about: 'Runs a small init as its first process.' },
  { key: 'ipc', kind: 'word', words: ['none', 'private', 'shareable', 'host'], docker: host('IpcMode'), option: '--ipc', about: 'IPC namespace.' },
  { key: 'pid', kind: 'word', words: ['host'], docker: host('PidMode'), option: '--pid', about: "host: the node's processes." },
  { key: 'uts', kind: 'word', words: ['host'], docker: host('UTSMode'), option: '--uts', about: "host: the node's host name." },
  { key: 'cgroup', kind: 'word', words: ['host', 'private'], docker: host('CgroupnsMode'), option: '--cgroupns', about: 'Cgroup namespace.' },
  { key: 'cgroup_parent', kind: 'text', docker: host('CgroupParent'), option: '--cgroup-parent', about: 'Parent cgroup.' },
  { key: 'runtime', kind: 'text', docker: host('Runtime'), option: '--runtime', about: 'OCI runtime of the node, such as nvidia.' },
  { key: 'storage_opt', kind: 'map', docker: host('StorageOpt'), option: '--storage-opt', about: "Options of Docker's storage driver." },
  { key: 'logging', kind: 'logging', docker: host('LogConfig'), about: 'Log driver and its options.' },
];

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A value with a variable in it is sealed: only its hash is in the container's label, and it is never shown. */
export type OptionValue = Json | SealedContent;

/** By key, in the order of the table. */
export type ContainerOptions = Readonly<Record<string, OptionValue>>;

/** A container's options as its label has them: of sealed values the hashes. */
export interface SeenOptions {
  readonly options?: Readonly<Record<string, Json>>;
  readonly optionHashes?: Readonly<Record<string, ContentHash>>;
}

export const sealOption = (value: Json): SealedContent => SealedContent.ofText(canonicalJson(value));

/** The value itself, for Docker alone. */
export function openOption(value: OptionValue): Json {
  return value instanceof SealedContent ? JSON.parse(Buffer.from(value.bytes()).toString('utf8')) : value;
}

/** The options that a container was not made with, in the order of the table; `now` may be what was desired as well. */
export function changedOptions(
  desired: ContainerOptions | undefined,
  now: { readonly options?: ContainerOptions; readonly optionHashes?: SeenOptions['optionHashes'] },
): readonly string[] {
  // Most containers have none.
  if (desired === undefined && now.options === undefined && now.optionHashes === undefined) return [];
  return containerOptions.map(({ key }) => key).filter((key) => !isSameOption(key, desired?.[key], now));
}

function isSameOption(
  key: string,
  desired: OptionValue | undefined,
  { options = {}, optionHashes = {} }: Parameters<typeof changedOptions>[1],
): boolean {
  const [plain, hash] = [options[key], optionHashes[key]];
  if (desired === undefined) return plain === undefined && hash === undefined;
  if (hash !== undefined) return (desired instanceof SealedContent ? desired : sealOption(desired)).equals(hash);
  return plain !== undefined && canonicalJson(openOption(desired)) === canonicalJson(openOption(plain));
}
