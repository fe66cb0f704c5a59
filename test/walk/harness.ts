import { createEngine } from '../../src/engine/engine.ts';
import type { Cluster, NodeClient } from '../../src/engine/node-client.ts';
import type { Engine } from '../../src/engine/types.ts';
import type { Config, NodeName } from '../../src/model/config.ts';
import { AppError } from '../../src/model/errors.ts';
import type { MemoryCluster } from '../../src/simulation/memory/cluster.ts';
import type { FakeClock } from '../fakes/clock.ts';

export const never: AbortSignal = new AbortController().signal;

/** One call of one controller to one node, before it reaches the node. */
export interface Call {
  readonly who: string;
  readonly node: NodeName;
  /** `volumes.mount`, `containers.start`, `transfer`… */
  readonly operation: string;
  readonly isWrite: boolean;
  readonly args: readonly unknown[];
  /** Lets the call take effect now, even if its controller is gone. */
  deliver(): Promise<unknown>;
}

/** Decides about a call: it may let it through (`go`), delay it, fail it, or strike first. */
export type Gate = (call: Call, go: () => Promise<unknown>) => Promise<unknown>;

/** One drover process: an engine with connections of its own. */
export interface Controller {
  readonly who: string;
  readonly engine: Engine;
  config: Config;
  gate: Gate | undefined;
  /** Kinds of the steps that run now, for the choice of cases. */
  readonly running: ReadonlySet<string>;
  /** Kills the process: nothing that it does from now on reaches a node. */
  kill(): void;
  isDead(): boolean;
  /** Its connections end, and with them its locks. */
  close(): Promise<void>;
  readonly signal: AbortSignal;
}

/** Calls that change nothing on a node. */
const reads = new Set([
  'observe',
  'figures',
  'containers.list',
  'containers.imageId',
  'containers.exportImage',
  'containers.prepare',
  'containers.condition',
  'volumes.list',
  'volumes.directory',
  'volumes.confirm',
  'volumes.estimate',
  'volumes.readToken',
  'volumes.details',
  'volumes.checkSwap',
  'network.read',
  'network.readBootRules',
  'network.accepts',
  'network.closedPorts',
  'mutex.acquire',
  'mutex.audit',
]);
/** Methods that make no call to the node, or not at once. */
const notCalls = new Set(['datasetName', 'logs', 'events', 'exec']);

export const killed = (): AppError => new AppError('cancelled', 'the controller was killed');

/** A controller whose every call passes its gate. */
export function createController(cluster: MemoryCluster, clock: FakeClock, who: string, config: Config): Controller {
  const stop = new AbortController();
  const sessions: Cluster[] = [];
  const running = new Set<string>();
  let isDead = false;
  const pass = async (call: Call, go: () => Promise<unknown>): Promise<unknown> => {
    if (isDead) throw killed();
    const result = await (controller.gate === undefined ? go() : controller.gate(call, go));
    if (isDead) throw killed();
    return result;
  };
  const open = (): Cluster => {
    const inner = cluster.session();
    sessions.push(inner);
    return {
      node: async (name, signal) => wrapClient(who, name, await inner.node(name, signal), pass),
      transfer: async (request, progress, signal) => {
        const call: Call = {
          who,
          node: request.to,
          operation: 'transfer',
          isWrite: true,
          args: [request],
          deliver: () => inner.transfer(request, () => undefined, never),
        };
        // The gate returns what `go` returns, which is the result of the call.
        return (await pass(call, () => inner.transfer(request, progress, signal))) as Awaited<
          ReturnType<Cluster['transfer']>
        >;
      },
      close: () => inner.close(),
    };
  };
  // A case in which nothing is placed any more intends the removal.
  const isRemoval = Object.values(config.deployment).every((apps) => apps.length === 0);
  const engine = createEngine({
    ...{ allowsRemoval: isRemoval },
    load: async () => ({ ok: true, config: controller.config }),
    openCluster: open,
    now: clock.now,
    sleep: clock.sleep,
    random: () => 0.5,
    owner: who,
    history: { read: async () => [], append: async () => undefined },
  });
  engine.onEvent((event) => {
    if (event.type === 'step-started') running.add(event.step);
    if (event.type === 'step-finished') running.delete(event.step);
  });
  const controller: Controller = {
    who,
    engine,
    config,
    gate: undefined,
    running,
    kill: () => {
      isDead = true;
      stop.abort(killed());
    },
    isDead: () => isDead,
    close: async () => {
      for (const session of sessions) await session.close();
    },
    signal: stop.signal,
  };
  return controller;
}

type Pass = (call: Call, go: () => Promise<unknown>) => Promise<unknown>;

function wrapClient(who: string, node: NodeName, client: NodeClient, pass: Pass): NodeClient {
  const group = <T extends object>(name: string, target: T): T => wrapGroup(who, node, `${name}.`, target, pass);
  const { observe } = wrapGroup(who, node, '', { observe: client.observe }, pass);
  return {
    ...client,
    observe,
    containers: group('containers', client.containers),
    volumes: group('volumes', client.volumes),
    network: group('network', client.network),
    mutex: group('mutex', client.mutex),
    deadMan: group('deadMan', client.deadMan),
    standbys: group('standbys', client.standbys),
  };
}

function wrapGroup<T extends object>(who: string, node: NodeName, prefix: string, target: T, pass: Pass): T {
  return new Proxy(target, {
    get: (inner, key) => {
      const value: unknown = Reflect.get(inner, key);
      if (typeof value !== 'function' || typeof key !== 'string' || notCalls.has(key)) return value;
      const operation = `${prefix}${key}`;
      return (...args: unknown[]): Promise<unknown> => {
        const send = (signal: unknown) => Promise.resolve(Reflect.apply(value, inner, [...args.slice(0, -1), signal]));
        const isWrite = !reads.has(operation);
        const call: Call = { who, node, operation, isWrite, args, deliver: () => send(never) };
        return pass(call, () => send(args.at(-1)));
      };
    },
  });
}

/** The part of a call that distinguishes it from others of its kind: the role that is set, the command's name, the node. */
export function describeCall({ node, operation, args }: Call): string {
  const next = operation === 'volumes.setProperties' ? args.at(-2) : undefined;
  const role = typeof next === 'object' && next !== null && 'role' in next ? `:${String(next.role)}` : '';
  return `${operation}${role}@${node}`;
}

/** Lets all through but the k-th write, which `strike` decides on. */
export function atWrite(k: number, strike: Gate): Gate {
  let writes = 0;
  return (call, go) => {
    if (!call.isWrite) return go();
    writes += 1;
    return writes === k ? strike(call, go) : go();
  };
}

/** Lets all through; `strike` happens just before the m-th call of any kind. */
export function beforeCall(m: number, strike: (call: Call) => Promise<void>): Gate {
  let calls = 0;
  return async (call, go) => {
    calls += 1;
    if (calls === m) await strike(call);
    return await go();
  };
}
