import type { RestartPolicy } from '../../../model/container/fields.ts';
import type { Json } from '../../../model/container/options.ts';
import { defined } from '../../../model/defined.ts';
import type { Draft } from '../../draft.ts';
import { complain, type Place, readFields } from '../../fields.ts';
import { isNothing, quote } from '../../yaml/yaml-node.ts';
import { addOption, readOption } from '../container-options.ts';
import { readReservedDevices } from '../option-structures.ts';
import { readBytes, readNumber, readScalar } from '../option-values.ts';
import { checkKeys } from './check-keys.ts';
import type { KeySection } from './keys.ts';
import type { ComposeService } from './service.ts';

type Entries = ReadonlyMap<string, Place>;

/** `deploy` as far as it is about the container: its resources are the same settings as the keys of the service. */
export function readDeploy(service: ComposeService, draft: Draft): Draft {
  const deploy = entriesIn(service.entries.get('deploy'), 'deploy');
  if (deploy === undefined) return draft;
  const resources = entriesIn(deploy.get('resources'), 'deploy.resources');
  const limits = entriesIn(resources?.get('limits'), 'deploy.resources.limits');
  const reserved = entriesIn(resources?.get('reservations'), 'deploy.resources.reservations');
  const policy = entriesIn(deploy.get('restart_policy'), 'deploy.restart_policy');
  const restartPolicy = policy === undefined ? undefined : readPolicy(policy);
  return {
    ...draft,
    ...readMemory(limits?.get('memory'), draft),
    ...readResources(service, draft, limits, reserved),
    ...(restartPolicy === undefined ? {} : restartWith(restartPolicy)),
  };
}

/** As `readSettings` does it: what has ended stays down where the file itself says never. */
const restartWith = (restartPolicy: RestartPolicy) => ({
  restartPolicy,
  ...(restartPolicy.name === 'never' ? { staysDown: true as const } : {}),
});

/** The entries of a mapping whose keys are checked; undefined where there is none. */
function entriesIn(place: Place | undefined, section: KeySection): Entries | undefined {
  if (place === undefined || isNothing(place.node)) return undefined;
  checkKeys(place, section);
  return readFields(place, quote(section))?.entries;
}

function readMemory(place: Place | undefined, { memoryLimitBytes }: Draft): Pick<Draft, 'memoryLimitBytes'> {
  const bytes = place === undefined || isNothing(place.node) ? undefined : readBytes(place, '"memory"');
  if (place === undefined || bytes === undefined) return {};
  if (memoryLimitBytes !== undefined && memoryLimitBytes !== bytes) {
    complain(place, 'it differs from "mem_limit"', 'keep one of the two');
  }
  return { memoryLimitBytes: bytes };
}

function readResources(
  { entries, file }: ComposeService,
  draft: Draft,
  limits: Entries | undefined,
  reserved: Entries | undefined,
): Pick<Draft, 'options'> {
  const rows: readonly (readonly [key: string, place: Place | undefined])[] = [
    ['cpus', limits?.get('cpus')],
    ['pids_limit', limits?.get('pids')],
    ['mem_reservation', reserved?.get('memory')],
  ];
  const options = rows.reduce(
    (sofar, [key, place]) =>
      place === undefined ? sofar : addOption(sofar, key, readOption(key, place, file.context), place),
    draft.options,
  );
  const devices = reserved?.get('devices');
  const requests =
    devices === undefined || isNothing(devices.node) ? undefined : readReservedDevices(devices, '"devices"');
  const own: Json | undefined = entries.has('gpus') ? undefined : requests;
  if (requests !== undefined && own === undefined && devices !== undefined) {
    complain(devices, '"gpus" and "devices" in "deploy" ask for devices', 'keep one of the two');
  }
  const all = devices === undefined ? options : addOption(options, 'gpus', own, devices);
  return defined({ options: all });
}

/** As Compose does it, the policy in `deploy` goes before `restart`. */
function readPolicy(policy: Entries): RestartPolicy | undefined {
  const condition = policy.get('condition');
  const attempts = policy.get('max_attempts');
  const word = condition === undefined || isNothing(condition.node) ? 'any' : readScalar(condition, '"condition"');
  const count = attempts === undefined || isNothing(attempts.node) ? undefined : readNumber(attempts, '"max_attempts"');
  if (word === 'none') return { name: 'never' };
  if (word === 'any' || word === 'always') return { name: 'always' };
  if (word === 'unless-stopped') return { name: word };
  if (word === 'on-failure') return { name: word, ...defined({ maximumRetryCount: count || undefined }) };
  if (condition !== undefined && word !== undefined) {
    complain(condition, `"condition": ${quote(word)} is not a restart condition`, 'use none, on-failure or any');
  }
  return undefined;
}

/** How many containers the service asks for, in either place; more than one is refused. */
export function readReplicas({ entries }: ComposeService): number {
  const deploy = entries.get('deploy');
  const inDeploy = deploy?.node.kind === 'map' ? readFields(deploy, '"deploy"')?.entries.get('replicas') : undefined;
  const scale = entries.get('scale');
  const places = [scale, inDeploy].filter((place) => place !== undefined && !isNothing(place.node));
  const counts = places.flatMap((place) => {
    const count = place === undefined ? undefined : readNumber(place, place === scale ? '"scale"' : '"replicas"');
    return count === undefined || place === undefined ? [] : [{ count, place }];
  });
  const [first, second] = counts;
  if (first !== undefined && second !== undefined && first.count !== second.count) {
    complain(second.place, '"scale" and "replicas" differ', 'keep one of the two');
  } else if (first !== undefined && first.count > 1) {
    complain(
      first.place,
      `${first.count} containers of one service are not supported: drover runs one`,
      'write 1, or a second service with another name',
    );
  }
  return first?.count ?? 1;
}
