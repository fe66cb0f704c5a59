import { canonicalJson } from '../../model/canonical-json.ts';
import type { NodeFacts } from '../../model/cluster.ts';
import type { Application, AppName, NodeName, VolumeId, VolumeMount } from '../../model/config.ts';
import type { SealedContent } from '../../model/container/sealed-content.ts';
import { defined } from '../../model/defined.ts';
import type { Action } from '../../model/plan.ts';
import { type Standby, standbyLimits } from '../../model/standby/declared.ts';
import { type StandbyAccept, type StandbyRules, type StandbySend, sealQuiesce } from '../../model/standby/facts.ts';
import { type StandbyState, standbyStates } from '../../model/standby/states.ts';
import type { GroupDecision } from '../group-decision.ts';
import { compareText, sorted } from '../lists.ts';
import { knownFacts, nodeWithId, type PlanInput } from '../plan-input.ts';
import { copiesOf } from '../volumes/ownership.ts';
import { quote, quoteAll } from '../wording.ts';
import { type StepBuilder, stepId } from './step-builder.ts';

/** One volume that its node takes snapshots of or sends, and the node that owns it after the plan. */
interface Kept {
  readonly app: Application;
  readonly volume: VolumeMount;
  readonly home: NodeName;
  readonly standby?: Standby;
  /** The nodes with standbys, as far as they were ever seen. */
  readonly targets: readonly NodeName[];
  /** Nodes of `on` that were never seen: what the rules have for nodes that are not known stays. */
  readonly hasUnseen: boolean;
}

/** A step for each node whose standbys or scheduled snapshots differ. They change after the volumes have moved. */
export function planStandbys(builder: StepBuilder, input: PlanInput, decisions: readonly GroupDecision[]): void {
  const kept = keptVolumes(input, decisions);
  for (const [node, facts] of input.reachable) {
    if (facts.standby === undefined) continue;
    const rules = rulesFor(input, node, facts, kept);
    const now = facts.standby.rules ?? { address: facts.meshAddress, sends: [], accepts: [] };
    const reason = difference(rules, now) ?? (facts.standby.isUnarmed ? 'its timers are not running' : undefined);
    if (reason === undefined) continue;
    const id = builder.add({ action: { kind: 'set-standbys', node, rules }, reason, group: 'standby' });
    const volumes = new Set(
      [...rules.sends, ...rules.accepts, ...now.sends, ...now.accepts].map(({ volume }) => volume),
    );
    for (const action of builder.actions()) {
      if (!movesVolume(action) || !volumes.has(action.volume)) continue;
      builder.order(id, stepId(action, ''), action.kind === 'settle-volume');
    }
  }
}

type VolumeAction = Extract<
  Action,
  { readonly kind: 'create-volume' | 'acquire-volume' | 'reclaim-volume' | 'settle-volume' }
>;
const movesVolume = (action: Action): action is VolumeAction =>
  ['create-volume', 'acquire-volume', 'reclaim-volume', 'settle-volume'].includes(action.kind);

function keptVolumes(input: PlanInput, decisions: readonly GroupDecision[]): Kept[] {
  const taken = new Set<VolumeId>();
  const blocked = new Set(decisions.flatMap(({ app, blockers }) => (blockers.length > 0 && app ? [app.name] : [])));
  return [...input.placement]
    .toSorted(([a], [b]) => compareText(a, b))
    .flatMap(([name, placed]) => {
      const app = input.config.applications[name];
      const standby = input.config.standbys?.[name];
      const volumes = app?.volumes.filter(({ snapshots }) => standby !== undefined || snapshots !== undefined) ?? [];
      if (app === undefined || volumes.length === 0) return [];
      const home = blocked.has(name) ? (ownerNow(input, volumes) ?? placed) : placed;
      const targets = standby === undefined ? [] : targetsOf(input, volumes, home, standby);
      const seen = targets.filter((node) => knownFacts(input, node) !== undefined);
      // Of several applications with one volume the first by name is the one whose standby counts.
      const own = volumes.filter(({ id }) => !taken.has(id));
      for (const { id } of own) taken.add(id);
      return own.map((volume) => ({
        app,
        volume,
        home,
        ...defined({ standby }),
        targets: seen,
        hasUnseen: seen.length < targets.length,
      }));
    });
}

/** The node that owns the application's volumes as they are observed; undefined if that is not known. */
function ownerNow(input: PlanInput, volumes: readonly VolumeMount[]): NodeName | undefined {
  const owners = volumes.flatMap(({ id }) => copiesOf(input, id).filter(({ volume }) => volume.role === 'owner'));
  return owners.toSorted((a, b) => b.volume.epoch - a.volume.epoch)[0]?.node;
}

function targetsOf(
  input: PlanInput,
  volumes: readonly VolumeMount[],
  home: NodeName,
  { on }: Standby,
): readonly NodeName[] {
  if (on !== 'auto') return on.filter((node) => node !== home);
  const chosen = chooseTarget(input, volumes, home);
  return chosen === undefined ? [] : [chosen];
}

/**
 * The node of `on: auto`. The present one stays, also while it cannot be reached. Else a node with a copy, which only
 * needs what has changed; else the node with the most free space.
 */
function chooseTarget(input: PlanInput, volumes: readonly VolumeMount[], home: NodeName): NodeName | undefined {
  const ids = new Set(volumes.map(({ id }) => id));
  const sends = knownFacts(input, home)?.standby?.rules?.sends ?? [];
  const present = sends
    .filter(({ volume }) => ids.has(volume))
    .flatMap(({ targets }) => targets.flatMap((id) => nodeWithId(input, id) ?? []))
    .find((node) => node !== home && input.nodes.includes(node));
  if (present !== undefined) return present;
  const copies = (node: NodeName): number =>
    volumes.filter(({ id }) => copiesOf(input, id).some((one) => one.node === node)).length;
  const [best] = [...input.reachable]
    .filter(([node, { standby }]) => node !== home && standby !== undefined)
    .toSorted(([a, x], [b, y]) => copies(b) - copies(a) || y.pool.freeBytes - x.pool.freeBytes || compareText(a, b));
  return best?.[0];
}

/** The rules of a node. Those of other deployments stay as they are. */
function rulesFor(input: PlanInput, node: NodeName, facts: NodeFacts, kept: readonly Kept[]): StandbyRules {
  const now = facts.standby?.rules ?? { address: facts.meshAddress, sends: [], accepts: [] };
  const isOther = ({ deployment }: StandbySend | StandbyAccept): boolean => deployment !== input.config.name;
  const sends = kept.flatMap((one) => (one.home === node ? [sendOf(input, one, now)] : []));
  const accepts = kept.flatMap((one) =>
    one.home !== node && one.targets.includes(node) ? acceptsOf(input, one, now) : [],
  );
  const order = (a: StandbySend | StandbyAccept, b: StandbySend | StandbyAccept): number =>
    compareText(a.volume, b.volume) || compareText('from' in a ? a.from : '', 'from' in b ? b.from : '');
  return {
    address: facts.meshAddress,
    sends: [...now.sends.filter(isOther), ...sends].sort(order),
    accepts: [...now.accepts.filter(isOther), ...accepts].sort(order),
  };
}

function sendOf(input: PlanInput, { app, volume, standby, targets, hasUnseen }: Kept, now: StandbyRules): StandbySend {
  const before = now.sends.find((one) => one.volume === volume.id);
  const unseen = hasUnseen ? (before?.targets.filter((id) => nodeWithId(input, id) === undefined) ?? []) : [];
  return {
    volume: volume.id,
    application: app.name,
    deployment: input.config.name,
    everyMs: standby?.everyMs ?? standbyLimits.everyMs * standbyLimits.roundsToLose,
    loseMs: standby?.loseMs ?? standbyLimits.everyMs * standbyLimits.roundsToLose,
    targets: sorted([...targets.flatMap((node) => knownFacts(input, node)?.nodeId ?? []), ...unseen]),
    ...defined({ snapshots: volume.snapshots }),
    ...sealQuiesce(volume.quiesce),
  };
}

/** Empty while the owner's node was never seen; then the rule that the node has stays. */
function acceptsOf(input: PlanInput, { app, volume, standby, home }: Kept, now: StandbyRules): StandbyAccept[] {
  const owner = knownFacts(input, home);
  if (owner === undefined) return now.accepts.filter((one) => one.volume === volume.id);
  return [
    {
      volume: volume.id,
      application: app.name,
      deployment: input.config.name,
      from: owner.nodeId,
      address: owner.meshAddress,
      loseMs: standby?.loseMs ?? 0,
      ...defined({ keep: standby?.keep ?? volume.snapshots }),
    },
  ];
}

/** Why the rules have to change; undefined if they are the same. */
function difference(wanted: StandbyRules, now: StandbyRules): string | undefined {
  const reasons = [
    ...(sameSends(wanted.sends, now.sends)
      ? []
      : ['what it sends to standbys, or its snapshots, differ from the files']),
    ...(canonicalJson(wanted.accepts) === canonicalJson(now.accepts)
      ? []
      : ['what it receives as a standby differs from the files']),
  ];
  const isUsed = wanted.sends.length + wanted.accepts.length > 0;
  if (reasons.length === 0 && isUsed && wanted.address !== now.address) return 'its address has changed';
  return reasons.length === 0 ? undefined : reasons.join(', ');
}

function sameSends(a: readonly StandbySend[], b: readonly StandbySend[]): boolean {
  const same = (x: SealedContent | undefined, y: SealedContent | undefined) =>
    x === undefined ? y === undefined : y !== undefined && x.equals(y);
  return (
    canonicalJson(a) === canonicalJson(b) &&
    a.every((one, at) => same(one.before, b[at]?.before) && same(one.after, b[at]?.after))
  );
}

/** A line for each standby that a failover could not use without a question. */
function lateNote({ volume, application, node, from, ageMs, loseMs, error, isLate }: StandbyState): string[] {
  if (!isLate) return [];
  const where = `the standby of ${quote(application)} (volume ${quote(volume)}) on ${node === undefined ? 'an unknown node' : quote(node)}`;
  const why = error ?? (from === undefined ? undefined : `${quote(from)} sends it`);
  const because = why === undefined ? '' : `: ${why}`;
  if (ageMs === undefined) return [`${where} has no complete copy yet${because}`];
  return [`${where} is ${Math.round(ageMs / 1000)} s old, and may be ${Math.round(loseMs / 1000)} s${because}`];
}

/** Nodes that the files give standbys and that are not set up for them, and applications without any node for one. */
export function standbyNotes(input: PlanInput, decisions: readonly GroupDecision[]): string[] {
  const kept = keptVolumes(input, decisions);
  const needed = new Set(kept.flatMap(({ home, targets }) => [home, ...targets]));
  const without = [...input.reachable].flatMap(([node, { standby }]) =>
    needed.has(node) && standby === undefined ? [node] : [],
  );
  const alone = new Set<AppName>(
    kept.flatMap(({ app, standby, targets, hasUnseen }) =>
      standby !== undefined && standby.on.length > 0 && targets.length === 0 && !hasUnseen ? [app.name] : [],
    ),
  );
  return [
    ...standbyStates({ nodes: input.states }).flatMap(lateNote),
    ...(without.length === 0
      ? []
      : [`${quoteAll(without)} cannot keep standbys or scheduled snapshots: run host/provision.sh there`]),
    ...[...alone].map((app) => `${quote(app)} has no standby: no other node can have one`),
  ];
}
