import type { NodeFacts, NodeState } from '../../model/cluster.ts';
import { isName, printCommand } from '../../model/command-line.ts';
import type { Config, NodeName } from '../../model/config.ts';
import { mountedElsewhere } from '../../model/foreign-mounts.ts';
import { plainText } from '../../model/plain-text.ts';
import { formatBytes, formatDuration } from '../wording.ts';
import { type Finding, type Patient, poolOf, shellOf } from './finding.ts';

const SLOW_ROUND_TRIP_MS = 300;

/** Findings from the observation of a node. */
export function observedFindings(patient: Patient, config: Config, facts: NodeFacts): readonly Finding[] {
  const { node } = patient;
  return [
    roundTrip(patient, facts),
    { node, check: 'versions', result: 'ok', text: versionsOf(facts) },
    ...poolFindings(patient, facts),
    ...capabilities(patient, facts),
    ...tables(config, node, facts),
    ...volumes(patient, facts),
    ...mounts(patient, facts),
    ...portsTaken(patient, config, facts),
  ];
}

/** Why a node could not be observed. If only Docker does not answer, the connection is fine. */
export function unreachable(config: Config, node: NodeName, state: NodeState & { status: 'unreachable' }): Finding {
  const { code, hint, message } = state.error;
  const shell = shellOf(config, node);
  const text = `${plainText(message)}${hint === undefined ? '' : ` (${plainText(hint)})`}`;
  if (/\bDocker\b/.test(message) && code !== 'connection-failed') {
    return { node, check: 'docker', result: 'fault', text, command: shell.run('systemctl', 'start', 'docker') };
  }
  const command =
    code === 'host-key-unknown'
      ? printCommand(['drover', 'trust', node])
      : `${shell.ssh.replace(/^ssh /, 'ssh -v ')} true`;
  return { node, check: 'connection', result: 'fault', text, command };
}

function roundTrip({ node, shell }: Patient, { roundTripMs }: NodeFacts): Finding {
  const text = `answers in ${formatDuration(roundTripMs)}`;
  if (roundTripMs <= SLOW_ROUND_TRIP_MS) return { node, check: 'connection', result: 'ok', text };
  const slow = `${text}: moves take longer, because each of their steps waits for it`;
  return { node, check: 'connection', result: 'warning', text: slow, command: shell.run('uptime') };
}

const versionsOf = ({ versions }: NodeFacts): string =>
  plainText(
    `docker ${versions.docker} (API ${versions.dockerApi}), zfs ${versions.zfs}, ${versions.kernel} ${versions.arch}`,
  );

function poolFindings({ node, shell, root }: Patient, { pool }: NodeFacts): readonly Finding[] {
  const used = pool.sizeBytes === 0 ? 0 : Math.round(100 * (1 - pool.freeBytes / pool.sizeBytes));
  const healthy = pool.health === 'ONLINE';
  const health: Finding = {
    node,
    check: 'pool',
    result: healthy ? 'ok' : 'fault',
    text: `pool "${pool.name}" is ${pool.health}`,
    ...(healthy ? {} : { command: shell.run('zpool', 'status', '-v', poolOf(root)) }),
  };
  const space = `${formatBytes(pool.freeBytes)} of ${formatBytes(pool.sizeBytes)} free (${used}% used)`;
  if (used < 80) return [health, { node, check: 'space', result: 'ok', text: space }];
  const command = shell.run('zfs', 'list', '-r', '-o', 'space', '-s', 'used', poolOf(root));
  return [health, { node, check: 'space', result: used >= 90 ? 'fault' : 'warning', text: space, command }];
}

function capabilities({ node, shell, root }: Patient, { capabilities: can }: NodeFacts): readonly Finding[] {
  const upgrade = shell.run('zpool', 'upgrade', poolOf(root));
  const check = 'zfs features';
  return [
    ...(can.resume
      ? []
      : [
          {
            node,
            check,
            result: 'warning',
            text: 'interrupted sends start from the beginning: no resume tokens',
            command: upgrade,
          } as const,
        ]),
    ...(can.bookmarks
      ? []
      : [{ node, check, result: 'warning', text: 'no bookmarks: old snapshots must stay', command: upgrade } as const]),
  ];
}

function tables(config: Config, node: NodeName, { network }: NodeFacts): readonly Finding[] {
  const check = 'forwards';
  if (network.present) return [{ node, check, result: 'ok', text: `${network.proxies.length} to other nodes` }];
  const needed = Object.values(config.applications).some(({ ports }) => ports.length > 0);
  if (!needed) return [{ node, check, result: 'ok', text: 'none needed' }];
  return [{ node, check, result: 'warning', text: 'the table of forwards is missing', command: 'drover apply' }];
}

function volumes({ node, shell, root }: Patient, facts: NodeFacts): readonly Finding[] {
  return facts.volumes.flatMap((volume): readonly Finding[] => {
    const what = `volume "${volume.application ?? volume.id}"`;
    const base = { node, check: 'volumes', result: 'warning' } as const;
    if (volume.role === 'owner' && !volume.mounted) {
      return [{ ...base, text: `${what} is owned here and not mounted`, command: 'drover apply' }];
    }
    if (volume.role === 'diverged') {
      const text = `${what} was written here after another node took over; nothing starts from this copy`;
      return [
        {
          ...base,
          result: 'fault',
          text,
          command: shell.run('zfs', 'list', '-t', 'all', '-r', isName(volume.dataset) ? volume.dataset : root),
        },
      ];
    }
    if (volume.resumeToken === undefined) return [];
    return [{ ...base, text: `a transfer of ${what} was interrupted and can go on`, command: 'drover apply' }];
  });
}

/** A volume that is mounted in another mount namespace cannot be moved. */
function mounts({ node, shell }: Pick<Patient, 'node' | 'shell'>, facts: NodeFacts): readonly Finding[] {
  return facts.volumes.flatMap(({ id, application, dataset }): readonly Finding[] => {
    const held = mountedElsewhere(facts, dataset);
    const [user] = facts.foreignMounts?.filter((one) => one.dataset === dataset) ?? [];
    if (held === undefined || user === undefined) return [];
    const what = `volume "${application ?? id}"`;
    const text = `${what} cannot be moved: ${plainText(held.who)} keeps it mounted (${plainText(held.hint)})`;
    const { container, pid } = user;
    const words =
      container !== undefined && isName(container) ? ['docker', 'stop', container] : ['ps', '-fp', `${pid}`];
    return [{ node, check: 'mounts', result: 'warning', text, command: shell.run(...words) }];
  });
}

function portsTaken({ node, shell }: Patient, config: Config, facts: NodeFacts): readonly Finding[] {
  const wanted = Object.values(config.applications).flatMap(({ name, ports }) =>
    ports.map((port) => ({ name, ...port })),
  );
  return facts.listeners.flatMap(({ port, protocol, process }) =>
    wanted
      .filter((each) => each.external === port && each.protocol === protocol)
      .map(({ name }): Finding => {
        const by = process === undefined ? 'another program' : `"${plainText(process)}"`;
        const text = `port ${port}/${protocol} of "${name}" is taken by ${by}`;
        return {
          node,
          check: 'ports',
          result: 'fault',
          text,
          command: shell.run('ss', '-lnp', 'sport', '=', `:${port}`),
        };
      }),
  );
}
