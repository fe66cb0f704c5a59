import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { NetworkTable, PortKey, Proxy } from '../../../../src/model/cluster.ts';
import {
  byPort,
  canonicalAddress,
  type MeshRules,
  parseRules,
  renderHolds,
  renderHoldsEnd,
  renderRules,
} from '../../../../src/node/network/proxy-rules.ts';
import fc from '../../../support/random.ts';

const golden = (name: string): string =>
  readFileSync(new URL(`../../../golden/rules/${name}`, import.meta.url), 'utf8');

const everything: MeshRules = {
  mesh: ['10.99.0.12', 'FD00:0:0::12'],
  proxies: [
    { port: 7000, protocol: 'tcp', address: '10.99.0.11' },
    { port: 22, protocol: 'tcp', address: '10.99.0.13' },
    { port: 53, protocol: 'udp', address: '10.99.0.13' },
    { port: 7001, protocol: 'tcp', address: 'fd00:0:0::11' },
    { port: 7001, protocol: 'udp', address: 'fd00::11' },
  ],
  open: [
    { port: 80, protocol: 'tcp' },
    { port: 53, protocol: 'udp' },
  ],
  peers: ['10.99.0.13', '10.99.0.11', 'fd00::11'],
};
const nothing: MeshRules = { mesh: ['10.99.0.12'], proxies: [], open: [], peers: [] };

describe('the port map as text', () => {
  it.each([
    ['everything', everything],
    ['nothing', nothing],
  ])('with %s in it is the golden one', (name, rules) => {
    expect(renderRules(rules)).toBe(golden(`${name}.txt`));
  });

  it('is the same for the same ports in another order', () => {
    const shuffled = {
      mesh: everything.mesh.toReversed(),
      proxies: everything.proxies.toReversed(),
      open: everything.open.toReversed(),
      peers: everything.peers.toReversed(),
    };
    expect(renderRules(shuffled)).toBe(renderRules(everything));
  });

  it('asks the open ports before any map, so that a local container wins', () => {
    const text = renderRules(everything);
    expect(text.indexOf('@open return')).toBeGreaterThan(0);
    expect(text.indexOf('@open return')).toBeLessThan(text.indexOf('dnat'));
  });

  it.each([0, 65_536, 1.5, -1])('refuses port %s', (port) => {
    expect(() => renderRules({ ...nothing, open: [{ port, protocol: 'tcp' }] })).toThrow('cannot forward port');
  });

  it.each(['node2', '10.0.0.256', '', '10.0.0.1; flush ruleset', '1.2.3', 'fd00::g', '::1]/'])(
    'refuses address "%s"',
    (address) => {
      expect(() => canonicalAddress(address)).toThrow('is not an IP address');
      expect(() => renderRules({ ...nothing, peers: [address] })).toThrow('is not an IP address');
    },
  );

  it('renews the hold of a port or begins it, and ends a hold whether there is one or not', () => {
    const keys: PortKey[] = [{ port: 7000, protocol: 'tcp' }];
    const end =
      'add element inet drover hold { tcp . 7000 timeout 1s }\ndelete element inet drover hold { tcp . 7000 }\n';
    expect(renderHoldsEnd(keys)).toBe(end);
    expect(renderHolds(keys, 1500)).toBe(`${end}add element inet drover hold { tcp . 7000 timeout 1500ms }\n`);
    expect(renderHolds([], 1500)).toBe('');
  });
});

describe('the listing of nft', () => {
  it.each(['1.0.6', '1.1.3'])('of version %s is read', (version) => {
    const table: NetworkTable = {
      present: true,
      proxies: [
        { port: 22, protocol: 'tcp', address: '10.99.0.12' },
        { port: 7000, protocol: 'tcp', address: '10.99.0.11' },
        { port: 7000, protocol: 'tcp', address: 'fd00::11' },
      ],
      open: [
        { port: 53, protocol: 'udp' },
        { port: 80, protocol: 'tcp' },
      ],
      peers: ['10.99.0.11', '10.99.0.13'],
      holds: [
        { port: 53, protocol: 'udp' },
        { port: 7000, protocol: 'tcp' },
      ],
    };
    expect(parseRules(golden(`listing-nft-${version}.json`))).toEqual(table);
  });

  it.each(['', 'Error: syntax', '{}', '[]'])('is refused when it is %j', (text) => {
    expect(() => parseRules(text)).toThrow('cannot read the port map');
  });
});

const port = fc.integer({ min: 1, max: 65_535 });
const protocol = fc.constantFrom<PortKey['protocol']>('tcp', 'udp');
const address = fc.oneof(fc.ipV4(), fc.ipV6().map(canonicalAddress));
const key = fc.record({ port, protocol });
const proxy: fc.Arbitrary<Proxy> = fc.record({ port, protocol, address });
const byKey = (one: PortKey): string => `${one.protocol}${one.port}`;
const rules: fc.Arbitrary<MeshRules> = fc.record({
  mesh: fc.uniqueArray(address, { maxLength: 2 }),
  proxies: fc.uniqueArray(proxy, { selector: byKey, maxLength: 20 }),
  open: fc.uniqueArray(key, { selector: byKey, maxLength: 10 }),
  peers: fc.uniqueArray(address, { maxLength: 5 }),
});
const tableOf = ({ proxies, open, peers }: MeshRules): NetworkTable => ({
  present: true,
  proxies: proxies.toSorted(byPort),
  open: open.toSorted(byPort),
  peers: peers.toSorted((a, b) => Number(a.includes(':')) - Number(b.includes(':')) || (a < b ? -1 : 1)).toSorted(),
  holds: [],
});

/** nft's listing of our text, in the form of the recorded ones. */
function listAsNft(text: string): string {
  const objects = [...text.matchAll(/^\t(map|set) (\w+) \{\n\t\ttype .*\n(?:\t\telements = \{ (.*) \}\n)?/gm)];
  const nftables = objects.map(([, kind = '', name, elements]) => {
    const elem = (elements?.split(', ') ?? []).map((element) => {
      const [first = '', second = '', third] = element.split(/ [:.] /);
      if (kind === 'map') return [Number(first), { concat: [second, Number(third)] }];
      return second === '' ? first : { concat: [first, Number(second)] };
    });
    return { [kind]: { family: 'inet', table: 'drover', name, ...(elem.length === 0 ? {} : { elem }) } };
  });
  return JSON.stringify({ nftables: [{ metainfo: {} }, ...nftables] });
}

describe('writing and reading', () => {
  it('lists the recorded text as nft itself did', () => {
    const recorded = listAsNft(renderRules({ ...everything, proxies: [] }));
    expect(parseRules(recorded)).toEqual(tableOf({ ...everything, proxies: [] }));
  });

  it('gives back every table', () => {
    fc.assert(
      fc.property(rules, (some) => {
        expect(parseRules(listAsNft(renderRules(some)))).toEqual(tableOf(some));
      }),
    );
  });
});

const here = spawnSync('unshare', ['-n', 'nft', '--version']).status === 0;

describe.skipIf(!here)('nft on this machine (root and nft are there)', () => {
  const list = (text: string): string => {
    const script = 'nft -c -f - <<<"$1" && nft -f - <<<"$1" && nft -f - <<<"$1" && nft -j list table inet drover';
    const { stdout, stderr, status } = spawnSync('unshare', ['-n', 'bash', '-c', script, 'drover', text]);
    if (status !== 0) throw new Error(String(stderr));
    return String(stdout);
  };

  it('loads the golden texts, over themselves as well, and lists the same table', () => {
    expect(parseRules(list(golden('everything.txt')))).toEqual(tableOf(normal(everything)));
    expect(parseRules(list(golden('nothing.txt')))).toEqual(tableOf(nothing));
  });

  it('loads any table and lists the same', () => {
    fc.assert(
      fc.property(rules, (some) => {
        expect(parseRules(list(renderRules(some)))).toEqual(tableOf(some));
      }),
      { numRuns: 10 },
    );
  });

  it('holds, holds again and lets go', () => {
    const keys: PortKey[] = [
      { port: 53, protocol: 'udp' },
      { port: 7000, protocol: 'tcp' },
    ];
    const held = list(renderRules(nothing) + renderHolds(keys, 60_000) + renderHolds(keys, 90_000));
    expect(parseRules(held).holds).toEqual(keys);
    const ended = list(renderRules(nothing) + renderHolds(keys, 60_000) + renderHoldsEnd(keys.slice(0, 1)));
    expect(parseRules(ended).holds).toEqual(keys.slice(1));
  });
});

function normal(some: MeshRules): MeshRules {
  return {
    ...some,
    proxies: some.proxies.map((one) => ({ ...one, address: canonicalAddress(one.address) })),
    peers: some.peers.map(canonicalAddress),
  };
}
