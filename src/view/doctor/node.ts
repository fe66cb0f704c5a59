import type { NodeFacts, NodeState } from '../../model/cluster.ts';
import { isName, printCommand } from '../../model/command-line.ts';
import type { Config, NodeName } from '../../model/config.ts';
import { mountedElsewhere } from '../../model/foreign-mounts.ts';
import { plainText } from '../../model/plain-text.ts';
import { formatBytes, formatDuration } from '../wording.ts';
import { type Finding, findingsOf, type Patient, poolOf, shellOf } from './finding.ts';

const SLOW_ROUND_TRIP_MS = 300;

/** Findings from the observation of a node. */
export function observedFindings(patient: Patient, config: Config, facts: NodeFacts): readonly Finding[] {
  return [
    roundTrip(patient, facts),
    patient.ok('versions', versionsOf(facts)),
    ...poolFindings(patient, facts),
    ...capabilities(patient, facts),
    ...tables(patient, config, facts),
    ...volumes(patient, facts),
    ...mounts(patient, facts),
    ...portsTaken(patient, config, facts),
  ];
}

/** Why a node could not be observed. If only Docker does not answer, the connection is fine. */
export function unreachable(config: Config, node: NodeName, state: NodeState & { status: 'unreachable' }): Finding {
  const { code, hint, message } = state.error;
  const { fault } = findingsOf(node);
  const shell = shellOf(config, node);
  const text = `${plainText(message)}${hint === undefined ? '' : ` (${plainText(hint)})`}`;
  if (/\bDocker\b/.test(message) && code !== 'connection-failed') {
    return fault('docker', text, shell.run('systemctl', 'start', 'docker'));
  }
  const command =
    code === 'host-key-unknown'
      ? printCommand(['drover', 'trust', node])
      : `${shell.ssh.replace(/^ssh /, 'ssh -v ')} true`;
  return fault('connection', text, command);
}

function roundTrip({ ok, warning, shell }: Patient, { roundTripMs }: NodeFacts): Finding {
  const text = `answers in ${formatDuration(roundTripMs)}`;
  if (roundTripMs <= SLOW_ROUND_TRIP_MS) return ok('connection', text);
  const slow = `${text}: moves take longer, because each of their steps waits for it`;
  return warning('connection', slow, shell.run('uptime'));
}

const versionsOf = ({ versions }: NodeFacts): string =>
  plainText(
    `docker ${versions.docker} (API ${versions.dockerApi}), zfs ${versions.zfs}, ${versions.kernel} ${versions.arch}`,
  );

function poolFindings({ ok, fault, finding, shell, root }: Patient, { pool }: NodeFacts): readonly Finding[] {
  const used = pool.sizeBytes === 0 ? 0 : Math.round(100 * (1 - pool.freeBytes / pool.sizeBytes));
  const state = `pool "${pool.name}" is ${pool.health}`;
  const health =
    pool.health === 'ONLINE'
      ? ok('pool', state)
      : fault('pool', state, shell.run('zpool', 'status', '-v', poolOf(root)));
  const space = `${formatBytes(pool.freeBytes)} of ${formatBytes(pool.sizeBytes)} free (${used}% used)`;
  if (used < 80) return [health, ok('space', space)];
  const command = shell.run('zfs', 'list', '-r', '-o', 'space', '-s', 'used', poolOf(root));
  return [health, finding(used >= 90 ? 'fault' : 'warning', 'space', space, command)];
}

function capabilities({ warning, shell, root }: Patient, { capabilities: can }: NodeFacts): readonly Finding[] {
  const upgrade = shell.run('zpool', 'upgrade', poolOf(root));
  const check = 'zfs features';
  return [
    ...(can.resume ? [] : [warning(check, 'interrupted sends start from the beginning: no resume tokens', upgrade)]),
    ...(can.bookmarks ? [] : [warning(check, 'no bookmarks: old snapshots must stay', upgrade)]),
  ];
}

function tables({ ok, warning }: Patient, config: Config, { network }: NodeFacts): readonly Finding[] {
  const check = 'forwards';
  if (network.present) return [ok(check, `${network.proxies.length} to other nodes`)];
  const needed = Object.values(config.applications).some(({ ports }) => ports.length > 0);
  if (!needed) return [ok(check, 'none needed')];
  return [warning(check, 'the table of forwards is missing', 'drover apply')];
}

function volumes({ warning, fault, shell, root }: Patient, facts: NodeFacts): readonly Finding[] {
  return facts.volumes.flatMap((volume): readonly Finding[] => {
    const what = `volume "${volume.application ?? volume.id}"`;
    const check = 'volumes';
    if (volume.role === 'owner' && !volume.mounted) {
      return [warning(check, `${what} is owned here and not mounted`, 'drover apply')];
    }
    if (volume.role === 'diverged') {
      const text = `${what} was written here after another node took over; nothing starts from this copy`;
      const dataset = isName(volume.dataset) ? volume.dataset : root;
      return [fault(check, text, shell.run('zfs', 'list', '-t', 'all', '-r', dataset))];
    }
    if (volume.resumeToken === undefined) return [];
    return [warning(check, `a transfer of ${what} was interrupted and can go on`, 'drover apply')];
  });
}

/** A volume that is mounted in another mount namespace cannot be moved. */
function mounts({ warning, shell }: Patient, facts: NodeFacts): readonly Finding[] {
  return facts.volumes.flatMap(({ id, application, dataset }): readonly Finding[] => {
    const held = mountedElsewhere(facts, dataset);
    const [user] = facts.foreignMounts?.filter((one) => one.dataset === dataset) ?? [];
    if (held === undefined || user === undefined) return [];
    const what = `volume "${application ?? id}"`;
    const text = `${what} cannot be moved: ${plainText(held.who)} keeps it mounted (${plainText(held.hint)})`;
    const { container, pid } = user;
    const words =
      container !== undefined && isName(container) ? ['docker', 'stop', container] : ['ps', '-fp', `${pid}`];
    return [warning('mounts', text, shell.run(...words))];
  });
}

function portsTaken({ fault, shell }: Patient, config: Config, facts: NodeFacts): readonly Finding[] {
  const wanted = Object.values(config.applications).flatMap(({ name, ports }) =>
    ports.map((port) => ({ name, ...port })),
  );
  return facts.listeners.flatMap(({ port, protocol, process }) =>
    wanted
      .filter((each) => each.external === port && each.protocol === protocol)
      .map(({ name }): Finding => {
        const by = process === undefined ? 'another program' : `"${plainText(process)}"`;
        const text = `port ${port}/${protocol} of "${name}" is taken by ${by}`;
        return fault('ports', text, shell.run('ss', '-lnp', 'sport', '=', `:${port}`));
      }),
  );
}
