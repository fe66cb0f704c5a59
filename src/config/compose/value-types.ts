import type { YamlScalar } from '../yaml/yaml-node.ts';
import { resolvePlain } from '../yaml/yaml-scalar.ts';

/** Values that Compose takes in quotes and from variables as well: `*` is a name or the place in a list. */
const types: ReadonlyMap<string, 'number' | 'boolean'> = new Map(
  Object.entries({
    number: [
      ...'cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus'.split(' '),
      ...'mem_swappiness oom_score_adj pids_limit scale ulimits/* ulimits/*/soft ulimits/*/hard ports/*/target'.split(
        ' ',
      ),
      ...'healthcheck/retries deploy/replicas deploy/update_config/parallelism deploy/restart_policy/max_attempts'.split(
        ' ',
      ),
      ...'deploy/rollback_config/parallelism deploy/resources/limits/pids blkio_config/weight'.split(' '),
    ].map((key) => `services/*/${key}`),
    boolean: [
      ...[
        ...'attach healthcheck/disable init oom_kill_disable privileged read_only stdin_open tty'.split(' '),
        ...'depends_on/*/required depends_on/*/restart env_file/*/required'.split(' '),
        ...'volumes/*/read_only volumes/*/volume/nocopy volumes/*/bind/create_host_path'.split(' '),
      ].map((key) => `services/*/${key}`),
      ...'external internal attachable enable_ipv4 enable_ipv6'.split(' ').map((key) => `networks/*/${key}`),
      ...'volumes secrets configs'.split(' ').map((key) => `${key}/*/external`),
    ],
  } as const).flatMap(([type, paths]) => paths.map((path) => [path, type as 'number' | 'boolean'] as const)),
);

/** Sections of a service whose entries have names, or are in a list. */
const named = new Set(['depends_on', 'env_file', 'ports', 'ulimits', 'volumes']);

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'y', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', 'n', 'no', 'off'].map((word) => [word, false] as const),
]);

/** A text as the number or truth value that it stands for where Compose wants one; any other value as it is. */
export function typedAt(path: string, node: YamlScalar): YamlScalar {
  if (node.type !== 'text') return node;
  const parts = path.split('/');
  const isNamed = (index: number): boolean => index === 1 || (index === 3 && named.has(parts[2] ?? ''));
  const type = types.get(parts.map((part, index) => (isNamed(index) ? '*' : part)).join('/'));
  if (type === undefined) return node;
  if (type === 'boolean') {
    const value = booleans.get(node.value.toLowerCase());
    return value === undefined ? node : { ...node, type: 'boolean', value };
  }
  const resolved = resolvePlain(node.value);
  return resolved.type === 'integer' || resolved.type === 'decimal' ? { ...node, ...resolved } : node;
}
