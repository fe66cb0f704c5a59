import type { ContainerEvent, LogLine, LogOptions } from '../../engine/node-client.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { containerName } from '../../model/names.ts';
import { isRecord, parseJson } from '../../node/json.ts';
import type { MemoryContainer, MemoryImage, MemoryMachine } from './types.ts';
import { call, type MemoryWorld, machineOf, wait } from './world.ts';

/** A container's log lines; with `follow`, also those to come. */
export async function* readLogs(
  world: MemoryWorld,
  node: NodeName,
  app: AppName,
  options: LogOptions,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const container = await call(world, { node, operation: 'containers.logs', write: false }, signal, (machine) =>
    ours(machine, app),
  );
  if (container === undefined) throw noContainer(app, node);
  chatter(world, container);
  let next = options.tail === undefined ? 0 : Math.max(0, container.lines.length - options.tail);
  while (true) {
    chatter(world, container);
    for (; next < container.lines.length; next += 1) yield { stream: 'stdout', text: container.lines[next] ?? '' };
    if (!options.follow || container.state !== 'running') return;
    try {
      await wait(world, 200, signal);
    } catch {
      return;
    }
  }
}

/** How many past lines a reader finds. */
const chatterKept = 200;

/** Writes the lines that are due by now. They are made when they are read. */
function chatter(world: MemoryWorld, container: MemoryContainer): void {
  const { chatter: talk } = container.image;
  if (talk === undefined || container.startedAtMs === undefined || container.state !== 'running') return;
  const due = Math.floor((world.clock.now() - container.startedAtMs) / talk.everyMs);
  container.chattered = Math.max(container.chattered, due - chatterKept);
  for (; container.chattered < due; container.chattered += 1) {
    const at = new Date(container.startedAtMs + (container.chattered + 1) * talk.everyMs);
    const line = talk.lines[container.chattered % talk.lines.length] ?? '';
    container.lines.push(
      line.replaceAll('{time}', at.toISOString().slice(11, 23)).replaceAll('{n}', String(container.chattered + 1)),
    );
  }
}

/** What happens to a node's containers, until aborted or cut off. */
export async function* readEvents(world: MemoryWorld, node: NodeName, signal: AbortSignal, opened?: () => void) {
  const machine = machineOf(world, node);
  const queue: ContainerEvent[] = [];
  let wake = () => {};
  const listener = (event: ContainerEvent) => {
    queue.push(event);
    wake();
  };
  const onAbort = () => wake();
  machine.listenersOfEvents.add(listener);
  signal.addEventListener('abort', onAbort);
  if (machine.connected) opened?.();
  try {
    while (!signal.aborted && machine.connected) {
      const event = queue.shift();
      if (event !== undefined && event.action !== 'disconnect') yield event;
      else if (event === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    machine.listenersOfEvents.delete(listener);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Sends an event to all listeners of the machine. */
export function emit(machine: MemoryMachine, action: string, application?: AppName): void {
  const container = application === undefined ? undefined : machine.containers.get(containerName(application));
  const exitCode = action === 'die' ? container?.exit?.code : undefined;
  const event: ContainerEvent = {
    action,
    ...(application === undefined ? {} : { application, container: containerName(application) }),
    ...defined({ exitCode }),
  };
  for (const listener of machine.listenersOfEvents) listener(event);
}

/** The application's container, unless it is foreign. */
export function ours(machine: MemoryMachine, app: AppName): MemoryContainer | undefined {
  const container = machine.containers.get(containerName(app));
  return container?.managed === true ? container : undefined;
}

/** The error for a missing container. */
export const noContainer = (app: AppName, node: NodeName): AppError =>
  new AppError('docker-failed', `cannot find a container of "${app}" on "${node}": there is none`);

/** An exported image is JSON here; anything else is refused. */
export function readExport(text: string, node: NodeName): { reference: string; id: string; image: MemoryImage } {
  const value = parseJson(text);
  const isExport = isRecord(value) && 'reference' in value && 'id' in value;
  if (!isExport) throw new AppError('docker-failed', `cannot load an image on "${node}": invalid tar header`);
  // Checked to have the fields that `exportImage` writes.
  return value as unknown as { reference: string; id: string; image: MemoryImage };
}
