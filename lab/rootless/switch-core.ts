/** A learning switch with faults, without sockets or clocks: both are handed in. */
const ADDRESS_BYTES = 6;
const HEADER_BYTES = 14;
/** A slow wire keeps this much waiting and drops the rest, like the queue of `tc tbf`. */
export const QUEUE_MS = 400;

const FAULTLESS = { cut: false, loss: 0, bitsPerSecond: undefined };
const isGroup = (address) => (Number.parseInt(address.slice(0, 2), 16) & 1) === 1;
const addressAt = (frame, at) => frame.toString('hex', at, at + ADDRESS_BYTES);

/**
 * `ports`: names; `gateway`: the one that is never sent what is for somebody unknown, because a router would pass it on.
 * `deliver(port, frame)` puts a frame on a wire; `now()` in ms; `later(ms, work)`; `random()` from 0 to 1.
 */
export function createSwitch({ ports, gateway, deliver, now, later, random }) {
  const learned = new Map();
  const faults = new Map(ports.map((port) => [port, FAULTLESS]));
  /** When each direction of a slow wire is free again. */
  const freeAt = new Map();

  /** Calls `go` when the frame has passed the wire of `port`, or never. */
  function pass(port, direction, frame, go) {
    const { cut, loss, bitsPerSecond } = faults.get(port);
    if (cut || (loss > 0 && random() * 100 < loss)) return;
    if (bitsPerSecond === undefined) return go();
    const key = `${port} ${direction}`;
    const start = Math.max(now(), freeAt.get(key) ?? 0);
    if (start - now() > QUEUE_MS) return;
    const end = start + (frame.length * 8 * 1000) / bitsPerSecond;
    freeAt.set(key, end);
    // The wire may have been cut while it waited.
    later(end - now(), () => faults.get(port).cut || go());
  }

  function forward(from, frame) {
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
    /** A frame came from a port. */
    receive(from, frame) {
      if (frame.length < HEADER_BYTES) return;
      pass(from, 'in', frame, () => forward(from, frame));
    },
    /** Changes faults of a port: `cut`, `loss` in percent, `bitsPerSecond` or null for no limit. */
    set(port, change) {
      if (!faults.has(port)) throw new Error(`the switch has no port "${port}"`);
      const next = { ...faults.get(port), ...change };
      faults.set(port, { ...next, bitsPerSecond: next.bitsPerSecond ?? undefined });
    },
    faultsOf: (port) => faults.get(port),
  };
}
