import type { ClusterState, Container, NodeFacts, NodeState, Snapshot, Volume } from '../../src/model/cluster.ts';
import type { NodeName } from '../../src/model/config.ts';
import { containerName, printImage } from '../../src/model/names.ts';
import { type Action, type ActionOf, assertNever } from '../../src/model/plan.ts';
import { differences } from '../../src/plan/container-spec.ts';
import { heldText } from '../../src/plan/names/desired.ts';
import { mergeNetwork } from '../../src/plan/steps/network-tables.ts';
import { aVolume, imageIdOf, nodeId } from '../builders.ts';

/** What a step does to a cluster where everything works: the state that the next observation would show. */
export function applyAction(state: ClusterState, action: Action): ClusterState {
  switch (action.kind) {
    case 'pull-image': {
      const image = printImage(action.image);
      return change(state, action.node, (facts) => ({ images: { ...facts.images, [image]: imageIdOf(image) } }));
    }
    case 'hold-ports':
      return change(state, action.node, ({ network }) => ({
        network: { ...network, holds: [...network.holds, ...action.ports] },
      }));
    case 'replace-network':
      return change(state, action.node, ({ network }) => ({
        network: {
          ...mergeNetwork(network, action),
          present: true,
          holds: network.holds.filter((h) => !action.dropHolds.some((d) => heldText(d) === heldText(h))),
        },
      }));
    case 'stop-container':
      return change(state, action.node, (facts) => ({
        containers: facts.containers.flatMap((c): Container[] => {
          if (!c.managed || c.application !== action.app) return [c];
          return action.unlessReleased === undefined
            ? []
            : [{ ...c, state: 'exited', exit: { code: 0, oomKilled: false } }];
        }),
      }));
    case 'start-container':
      return startContainer(state, action);
    case 'check-container':
      return state;
    case 'set-deployment':
      return change(state, action.node, (facts) => ({
        containers: facts.containers.map((c) =>
          c.managed && action.apps.includes(c.application ?? '') ? { ...c, deployment: action.deployment } : c,
        ),
        volumes: facts.volumes.map((v) =>
          action.volumes.includes(v.id) && v.role !== 'incoming' ? { ...v, deployment: action.deployment } : v,
        ),
      }));
    case 'set-boot-rules':
      return change(state, action.node, ({ boot }) =>
        boot === undefined ? {} : { boot: { ...boot, ...action.rules } },
      );
    case 'set-standbys':
      return change(state, action.node, ({ standby }) =>
        standby === undefined ? {} : { standby: { ...standby, rules: action.rules } },
      );
    default:
      return applyToVolume(state, action);
  }
}

type VolumeAction = Extract<Action, { readonly volume: string }>;

function applyToVolume(state: ClusterState, action: VolumeAction): ClusterState {
  switch (action.kind) {
    case 'create-volume':
      return change(state, action.node, (facts) => ({
        volumes: [...facts.volumes, aVolume(action.volume, { on: action.node, ...limit(action.limitBytes) })],
      }));
    case 'resize-volume':
      return onCopy(state, action.node, action.volume, ({ limitBytes: _old, ...volume }) => ({
        ...volume,
        ...limit(action.limitBytes),
      }));
    case 'sync-volume':
    case 'send-final':
      return send(state, action);
    case 'freeze-volume':
      expectUnused(state, action.volume);
      return onCopy(state, action.node, action.volume, (volume) => ({
        ...withSnapshot(volume),
        role: 'frozen',
        mounted: false,
        writtenBytes: 0,
      }));
    case 'release-volume':
      return onCopy(state, action.from, action.volume, (volume) => ({
        ...volume,
        role: 'released',
        owner: nodeId(action.to),
        epoch: volume.epoch + 1,
      }));
    case 'acquire-volume': {
      const { epoch } = copyOn(state, action.from, action.volume);
      return onCopy(state, action.to, action.volume, (volume) => owned(volume, action.to, epoch));
    }
    case 'reclaim-volume':
      return onCopy(state, action.node, action.volume, (volume) =>
        owned(volume, action.node, volume.epoch + (volume.role === 'released' ? 1 : 0)),
      );
    case 'mount-volume':
      return onCopy(state, action.node, action.volume, (volume) => ({ ...volume, mounted: true }));
    case 'settle-volume':
      return change(
        onCopy(state, action.from, action.volume, (volume) => ({ ...volume, role: 'replica' })),
        action.from,
        ({ containers }) => ({
          containers: containers.filter(
            ({ managed, state, spec }) =>
              !managed || state === 'running' || !spec.mounts.some(({ volume }) => volume === action.volume),
          ),
        }),
      );
    case 'retire-volume':
      return onCopy(state, action.node, action.volume, (volume) => ({ ...volume, role: 'retired', mounted: false }));
    default:
      return assertNever(action);
  }
}

function factsOf(state: ClusterState, node: NodeName): NodeFacts {
  const seen = state.nodes[node];
  if (seen?.status !== 'reachable') throw new Error(`a step for ${node}, which cannot be reached`);
  return seen.facts;
}

function change(state: ClusterState, node: NodeName, next: (facts: NodeFacts) => Partial<NodeFacts>): ClusterState {
  const facts = factsOf(state, node);
  const changed: NodeState = { status: 'reachable', observedAt: 0, facts: { ...facts, ...next(facts) } };
  return { nodes: { ...state.nodes, [node]: changed } };
}

function copyOn(state: ClusterState, node: NodeName, id: string): Volume {
  const found = factsOf(state, node).volumes.find((volume) => volume.id === id);
  if (found === undefined) throw new Error(`no copy of ${id} on ${node}`);
  return found;
}

function onCopy(state: ClusterState, node: NodeName, id: string, next: (volume: Volume) => Volume): ClusterState {
  copyOn(state, node, id);
  return change(state, node, ({ volumes }) => ({ volumes: volumes.map((v) => (v.id === id ? next(v) : v)) }));
}

function owned(volume: Volume, node: NodeName, epoch: number): Volume {
  return { ...volume, role: 'owner', owner: nodeId(node), epoch, mounted: true };
}

let made = 0;
function withSnapshot(volume: Volume): Volume {
  made += 1;
  const snapshot: Snapshot = { name: `s${made}`, guid: `made-${made}`, createTxg: String(1000 + made) };
  return { ...volume, snapshots: [...volume.snapshots, snapshot] };
}

/** A sync of an owner makes a snapshot of its own; a copy that is not one any more is sent as it is. */
function send(
  state: ClusterState,
  action: VolumeAction & { readonly from: NodeName; readonly to: NodeName },
): ClusterState {
  const { from, to, volume: id } = action;
  const source = copyOn(state, from, id);
  const sent = source.role === 'owner' ? withSnapshot(source) : source;
  const next = onCopy(state, from, id, () => sent);
  const { resumeToken: _done, limitBytes: _own, ...data } = sent;
  const target = factsOf(state, to).volumes.find((volume) => volume.id === id);
  const kept = target === undefined ? {} : limit(target.limitBytes);
  const copy: Volume = { ...data, ...kept, role: 'incoming', mounted: false };
  return change(next, to, ({ volumes }) => ({ volumes: [...volumes.filter((v) => v.id !== id), copy] }));
}

/** No container runs on the volume, but for those of these applications on this node. */
function expectUnused(state: ClusterState, id: string, node?: NodeName, apps: readonly string[] = []): void {
  for (const [at, seen] of Object.entries(state.nodes)) {
    for (const { managed, application, state: now, spec } of seen.status === 'reachable' ? seen.facts.containers : []) {
      const isUser = managed && now !== 'exited' && spec.mounts.some(({ volume }) => volume === id);
      if (!isUser || (at === node && apps.includes(application ?? ''))) continue;
      throw new Error(`${application} runs on ${id} on ${at}`);
    }
  }
}

function startContainer(
  state: ClusterState,
  { node, spec, asksPorts, shared = {} }: ActionOf<'start-container'>,
): ClusterState {
  for (const mount of spec.mounts) {
    const volume = copyOn(state, node, mount.volume);
    if (volume.role !== 'owner' || !volume.mounted) throw new Error(`${spec.application} starts without ${volume.id}`);
    expectUnused(state, mount.volume, node, shared[mount.volume]);
  }
  expectPortsFree(state, spec);
  const { containers: now, images, imagePorts } = factsOf(state, node);
  const stopped = now.find(({ managed, application }) => managed && application === spec.application);
  // Like the step: the right container is started again, with the ports that its image had when it was created.
  if (stopped !== undefined && differences(spec, stopped).length === 0)
    return change(state, node, ({ containers }) => ({
      containers: containers.map((one): Container => (one === stopped ? { ...one, state: 'running' } : one)),
    }));
  // An image that no node had exposes nothing here.
  const exposes = asksPorts === true ? undefined : imagePorts?.[images[spec.image] ?? ''];
  const container: Container = {
    id: `started-${spec.application}`,
    name: containerName(spec.application),
    application: spec.application,
    managed: true,
    ...(spec.deployment === undefined ? {} : { deployment: spec.deployment }),
    state: 'running',
    spec,
    imageId: images[spec.image] ?? 'missing',
    imageDefaults: { environment: {}, command: [], entrypoint: [], ...(exposes === undefined ? {} : { exposes }) },
  };
  return change(state, node, ({ containers }) => ({
    containers: [...containers.filter((c) => !c.managed || c.application !== spec.application), container],
  }));
}

/** An external port is served once in the whole cluster. */
function expectPortsFree(state: ClusterState, spec: Container['spec']): void {
  const wanted = new Set(spec.ports.map((port) => port.external));
  for (const seen of Object.values(state.nodes)) {
    const containers = seen.status === 'reachable' ? seen.facts.containers : [];
    const other = containers.find(({ managed, application, state: now, spec: own }) => {
      const isOther = managed && application !== spec.application && (now === 'running' || now === 'paused');
      return isOther && own.ports.some((port) => wanted.has(port.external));
    });
    if (other !== undefined) throw new Error(`${spec.application} starts while ${other.name} has its port`);
  }
}

const limit = (limitBytes: number | undefined) => (limitBytes === undefined ? {} : { limitBytes });
