/** A learning switch with faults. It has no sockets and no clock: the caller gives it both. */
const ADDRESS_BYTES = 6;
const HEADER_BYTES = 14;
/** A slow wire queues frames for this long and drops the rest, like the queue of `tc tbf`. */
export const QUEUE_MS = 400;

const FAULTLESS: PortFaults = { cut: false, loss: 0, bitsPerSecond: undefined };
/** The faults of a port. */
export interface PortFaults {
  readonly cut: boolean;
  /** Percent of the frames, in each direction. */
  readonly loss: number;
  /** undefined: no limit. */
  readonly bitsPerSecond: number | undefined;
}
/** A change of them; null removes the limit. */
export type FaultChange = Partial<Omit<PortFaults, 'bitsPerSecond'>> & { readonly bitsPerSecond?: number | null };

export interface SwitchOptions {
  readonly ports: readonly string[];
  /** A port that never gets frames for an unknown address, because a router would forward them. */
  readonly gateway: string;
  /** Puts a frame on a wire. */
  deliver(port: string, frame: Buffer): unknown;
  /** Milliseconds. */
  now(): number;
  later(ms: number, work: () => void): unknown;
  /** 0 to 1. */
  random(): number;
}

export interface Switch {
  /** A frame came from a port. */
  receive(from: string, frame: Buffer): void;
  /** Throws where there is no such port. */
  set(port: string, change: FaultChange): void;
  faultsOf(port: string): PortFaults | undefined;
}

const isGroup = (address: string): boolean => (Number.parseInt(address.slice(0, 2), 16) & 1) === 1;
const addressAt = (frame: Buffer, at: number): string => frame.toString('hex', at, at + ADDRESS_BYTES);

export function createSwitch({ ports, gateway, deliver, now, later, random }: SwitchOptions): Switch {
  const learned = new Map<string, string>();
  const faults = new Map(ports.map((port) => [port, FAULTLESS]));
  const faultsAt = (port: string): PortFaults => faults.get(port) ?? FAULTLESS;
  /** When each direction of a slow wire is free again. */
  const freeAt = new Map<string, number>();

  /** Calls `go` when the frame has passed the wire of `port`; not at all where the frame is lost. */
  function pass(port: string, direction: 'in' | 'out', frame: Buffer, go: () => void): void {
    const { cut, loss, bitsPerSecond } = faultsAt(port);
    if (cut || (loss > 0 && random() * 100 < loss)) return;
    if (bitsPerSecond === undefined) {
      go();
      return;
    }
    const key = `${port} ${direction}`;
    const start = Math.max(now(), freeAt.get(key) ?? 0);
    if (start - now() > QUEUE_MS) return;
    const end = start + (frame.length * 8 * 1000) / bitsPerSecond;
    freeAt.set(key, end);
    // The wire may be cut while the frame waits.
    later(end - now(), () => {
      if (!faultsAt(port).cut) go();
    });
  }

  function forward(from: string, frame: Buffer): void {
    const source = addressAt(frame, ADDRESS_BYTES);
    const target = addressAt(frame, 0);
    if (!isGroup(source)) learned.set(source, from);
    const known = isGroup(target) ? undefined : learned.get(target);
    const to = known === undefined ? ports.filter((port) => isGroup(target) || port !== gateway) : [known];
    for (const port of to) {
      if (port !== from) pass(port, 'out', frame, () => deliver(port, frame));
    }
  }

  return {
    receive(from, frame) {
      if (frame.length < HEADER_BYTES) return;
      pass(from, 'in', frame, () => forward(from, frame));
    },
    set(port, { bitsPerSecond, ...change }) {
      const before = faults.get(port);
      if (before === undefined) throw new Error(`the switch has no port "${port}"`);
      const limit = bitsPerSecond === undefined ? before.bitsPerSecond : (bitsPerSecond ?? undefined);
      faults.set(port, { ...before, ...change, bitsPerSecond: limit });
    },
    faultsOf: (port) => faults.get(port),
  };
}
