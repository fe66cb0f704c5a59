import { randomUUID } from 'node:crypto';
import type { NodeDoctor } from '../../engine/node-client.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { ConnectAnswer, ConnectTarget, SystemReading } from '../../model/examination.ts';
import { setupAnswers } from '../../model/provisioning.ts';
import { fitOf } from '../docker/api.ts';
import { parseJson, textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { sshPlaces } from '../ssh/places.ts';
import { parseAccepted, parseDrops } from './examine-firewall.ts';
import {
  findSnapshotters,
  parseDatasets,
  parseNamesReading,
  parsePoolReading,
  parseProvision,
  parseSnapshots,
  parseUnits,
  parseZfsVersions,
} from './examine-output.ts';
import { connectScript, systemScript, systemSections } from './examine-scripts.ts';

/** What examining one node needs. */
export interface DoctorDeps {
  readonly connection: NodeConnection;
  readonly pool: string;
  /** Full name of the dataset of all volumes. */
  readonly root: string;
  readonly meshAddress: string;
}

const connectSeconds = 4;

/** Examines a node over SSH. Changes nothing. */
export function createNodeDoctor({ connection, pool, root, meshAddress }: DoctorDeps): NodeDoctor {
  return {
    isRoot: connection.remote.isRoot,
    sshPlaces: sshPlaces(connection.remote, meshAddress),
    sessions: (asked, signal) => connection.countSessions(asked, signal),
    async clock(signal) {
      // GNU date prints nanoseconds; with busybox only the seconds remain.
      const { stdout } = await connection.run(['date', '+%s.%N'], { signal });
      const at = Number.parseFloat(stdout);
      if (Number.isFinite(at)) return at * 1000;
      throw new AppError('command-failed', `cannot read the clock of "${connection.node}": date printed no number`);
    },
    async system(signal) {
      const separator = `\x1e${randomUUID()}`;
      const { stdout } = await connection.script(systemScript, [root, separator, pool], { signal });
      return readSystem(connection.node, stdout.split(`${separator}\n`));
    },
    async provision(script, signal) {
      const args = ['--check', '--pool-name', pool, '--root', root];
      const { stdout } = await connection.script(script, args, { signal, okCodes: setupAnswers });
      return parseProvision(stdout);
    },
    async connect(targets, signal) {
      if (targets.length === 0) return [];
      const args = targets.flatMap((one) => [one.address, String(one.port), one.banner === true ? 'yes' : 'no']);
      const { stdout } = await connection.script(connectScript, [String(connectSeconds), ...args], { signal });
      return readAnswers(targets, stdout);
    },
  };
}

function readSystem(node: string, texts: readonly string[]): SystemReading {
  if (texts.length !== systemSections.length) {
    throw new AppError('command-failed', `cannot examine "${node}": it printed ${texts.length} sections`);
  }
  const part = (name: (typeof systemSections)[number]): string => texts[systemSections.indexOf(name)] ?? '';
  const { timeKeepers, firewalls, units } = parseUnits(part('units'));
  const [ipv4 = '', ipv6 = ''] = part('forwards').split('\n');
  const accepted = parseAccepted(part('dockerUser'));
  const [policy4, policy6] = part('policies').split('\n');
  const isOpen = '-P FORWARD ACCEPT';
  const open = [
    ...(ipv4 === '1' && policy4 === isOpen ? (['IPv4'] as const) : []),
    ...(ipv6 === '1' && policy6 === isOpen ? (['IPv6'] as const) : []),
  ];
  return {
    nowMs: Number(part('now')) * 1000,
    forwards: { ipv4: ipv4 === '1', ipv6: ipv6 === '1' },
    firewall: {
      services: firewalls,
      drops: parseDrops(part('ruleset')),
      ...defined({ accepted }),
      ...(open.length === 0 ? {} : { open }),
    },
    names: parseNamesReading(part('names')),
    zfs: parseZfsVersions(part('zfsVersion')),
    ...readDocker(part('dockerVersion')),
    timeKeepers,
    snapshotters: findSnapshotters(units, part('cron')),
    pool: parsePoolReading(part('poolFigures'), part('poolStatus')),
    datasets: parseDatasets(part('datasets'), part('copies')),
    snapshots: parseSnapshots(part('copies'), part('holds')),
  };
}

function readDocker(json: string): Pick<SystemReading, 'docker'> {
  const version = parseJson(json);
  const api = textAt(version, 'ApiVersion');
  if (api === undefined) return {};
  const minApi = textAt(version, 'MinAPIVersion') ?? api;
  return { docker: { api, minApi, fit: fitOf(api, minApi) } };
}

/** Lines of `index result said`; a target without a line was silent. */
function readAnswers(targets: readonly ConnectTarget[], text: string): readonly ConnectAnswer[] {
  const answers = new Map(text.split('\n').map((line) => [line.split('\t', 1)[0], line.split('\t')]));
  return targets.map((target, at): ConnectAnswer => {
    const [, result, said = ''] = answers.get(String(at)) ?? [];
    const known = result === 'accepted' || result === 'refused' ? result : 'silent';
    return { ...target, result: known, ...(said === '' ? {} : { said }) };
  });
}
