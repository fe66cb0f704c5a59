import { describe, expect, it } from 'vitest';
import { frameReader, LONGEST, packFrame } from '../../../lab/rootless/frames.ts';
import { createSwitch, QUEUE_MS } from '../../../lab/rootless/switch-core.ts';

const broadcast = 'ffffffffffff';
const node1 = '525400d00001';
const node2 = '525400d00002';
const outside = '5255ac10ff01';
const frameOf = (to: string, from: string, bytes = 60): Buffer =>
  Buffer.concat([Buffer.from(`${to}${from}0800`, 'hex'), Buffer.alloc(bytes - 14)]);

/** A switch of two nodes and a gateway, with a clock and a die moved by hand. */
function aSwitch() {
  const delivered: string[] = [];
  const waiting: { at: number; work: () => void }[] = [];
  const world = { time: 0, die: 0.5 };
  const made = createSwitch({
    ports: ['1', '2', 'gateway'],
    gateway: 'gateway',
    deliver: (port: string, frame: Buffer) => delivered.push(`${port}:${frame.length}`),
    now: () => world.time,
    later: (ms: number, work: () => void) => waiting.push({ at: world.time + ms, work }),
    random: () => world.die,
  });
  const passTime = (ms: number): void => {
    world.time += ms;
    for (;;) {
      const next = waiting.findIndex(({ at }) => at <= world.time);
      if (next < 0) return;
      waiting.splice(next, 1)[0]?.work();
    }
  };
  const sent = (): string[] => delivered.splice(0);
  return { ...made, world, passTime, sent };
}

describe('frames on a stream', () => {
  it('come out as they went in, however the stream is cut', () => {
    const frames = [frameOf(node1, node2), frameOf(node2, node1, 1514), frameOf(broadcast, node1, 90)];
    const stream = Buffer.concat(frames.map((each) => packFrame(each)));
    for (const size of [1, 3, 64, 1000, stream.length]) {
      const got: string[] = [];
      const read = frameReader((frame: Buffer) => got.push(frame.toString('hex')));
      for (let at = 0; at < stream.length; at += size) read(stream.subarray(at, at + size));
      expect(got).toEqual(frames.map((each) => each.toString('hex')));
    }
  });

  it('are refused where the length is none', () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(LONGEST + 1);
    expect(() => frameReader(() => {})(head)).toThrow(/not a stream of frames/);
  });
});

describe('the switch', () => {
  it('sends to all what is for all, and never back', () => {
    const it = aSwitch();
    it.receive('1', frameOf(broadcast, node1));
    expect(it.sent()).toEqual(['2:60', 'gateway:60']);
  });

  it('learns where an address is', () => {
    const it = aSwitch();
    it.receive('2', frameOf(broadcast, node2));
    it.sent();
    it.receive('1', frameOf(node2, node1));
    expect(it.sent()).toEqual(['2:60']);
    it.receive('gateway', frameOf(node1, outside));
    expect(it.sent()).toEqual(['1:60']);
  });

  it('sends nothing for an unknown address to the gateway, which would forward it', () => {
    const it = aSwitch();
    it.receive('1', frameOf(node2, node1));
    expect(it.sent()).toEqual(['2:60']);
  });

  it('follows an address that moved', () => {
    const it = aSwitch();
    it.receive('2', frameOf(broadcast, node2));
    it.receive('1', frameOf(broadcast, node2));
    it.sent();
    it.receive('gateway', frameOf(node2, outside));
    expect(it.sent()).toEqual(['1:60']);
  });

  it('ignores what is no frame', () => {
    const it = aSwitch();
    it.receive('1', Buffer.alloc(13));
    expect(it.sent()).toEqual([]);
  });

  it('cuts both directions of a cable, and plugs it in again', () => {
    const it = aSwitch();
    it.set('2', { cut: true });
    it.receive('1', frameOf(broadcast, node1));
    it.receive('2', frameOf(broadcast, node2));
    expect(it.sent()).toEqual(['gateway:60']);
    it.set('2', { cut: false });
    it.receive('2', frameOf(broadcast, node2));
    expect(it.sent()).toEqual(['1:60', 'gateway:60']);
  });

  it('loses the given share of packets', () => {
    const it = aSwitch();
    it.set('2', { loss: 30 });
    it.world.die = 0.29;
    it.receive('1', frameOf(broadcast, node1));
    expect(it.sent()).toEqual(['gateway:60']);
    it.world.die = 0.3;
    it.receive('1', frameOf(broadcast, node1));
    expect(it.sent()).toEqual(['2:60', 'gateway:60']);
  });

  it('lets a slow wire take its time, and drops what would wait too long', () => {
    const it = aSwitch();
    it.receive('2', frameOf(broadcast, node2));
    it.sent();
    it.set('2', { bitsPerSecond: 80_000 }); // 1,000 bytes are 100 ms
    for (let count = 0; count < 10; count += 1) it.receive('1', frameOf(node2, node1, 1000));
    expect(it.sent()).toEqual([]);
    it.passTime(100);
    expect(it.sent()).toEqual(['2:1000']);
    it.passTime(QUEUE_MS);
    expect(it.sent()).toEqual(Array(4).fill('2:1000'));
    it.passTime(10_000);
    expect(it.sent()).toEqual([]);
    it.set('2', { bitsPerSecond: null });
    it.receive('1', frameOf(node2, node1, 1000));
    expect(it.sent()).toEqual(['2:1000']);
  });

  it('loses what waits on a wire that is cut', () => {
    const it = aSwitch();
    it.set('2', { bitsPerSecond: 80_000 });
    it.receive('2', frameOf(broadcast, node2, 1000));
    it.set('2', { cut: true });
    it.passTime(1000);
    expect(it.sent()).toEqual([]);
  });

  it('knows its ports', () => {
    const it = aSwitch();
    expect(() => it.set('9', { cut: true })).toThrow('the switch has no port "9"');
    it.set('1', { loss: 5 });
    expect(it.faultsOf('1')).toEqual({ cut: false, loss: 5, bitsPerSecond: undefined });
  });
});
