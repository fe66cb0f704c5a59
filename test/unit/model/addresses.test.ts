import { describe, expect, it } from 'vitest';
import { isPublishedAt, listenAddresses, plainAddress, publishedTexts } from '../../../src/model/addresses.ts';
import type { NodeFacts } from '../../../src/model/cluster.ts';
import { aConfig, onNode } from '../../builders.ts';

const addresses: NonNullable<NodeFacts['addresses']> = [
  { interface: 'lo', address: '127.0.0.1' },
  { interface: 'eth0', address: '203.0.113.7' },
  { interface: 'eth0', address: '2001:db8::7' },
  { interface: 'eth0', address: '2001:db8::aaaa', temporary: true },
  { interface: 'eth0', address: 'fe80::1' },
  { interface: 'eth1', address: '10.0.0.7' },
  { interface: 'docker0', address: '172.17.0.1' },
];

function selected(listen: readonly string[] | undefined, own?: readonly string[]) {
  const [, state] = onNode('a', { meshAddress: '10.0.0.7' });
  if (state.status !== 'reachable') throw new Error('no facts');
  const config = aConfig([], { a: [] });
  const with_ = {
    ...config,
    nodes: { a: own === undefined ? {} : { listen: own } },
    settings: { ...config.settings, ...(listen === undefined ? {} : { listen }) },
  };
  return listenAddresses(with_, 'a', { ...state.facts, addresses });
}

describe('the addresses that "listen" selects', () => {
  it.each([
    [['mesh'], ['10.0.0.7']],
    [['10.0.0.0/8'], ['10.0.0.7']],
    [['eth0'], ['2001:db8::7', '203.0.113.7']],
    [
      ['2001:DB8::/32', 'eth1'],
      ['10.0.0.7', '2001:db8::7'],
    ],
    [['127.0.0.1'], ['127.0.0.1']],
    [['10.0.0.9', 'eth9', '192.168.0.0/16'], []],
    [['0.0.0.0/0'], ['10.0.0.7', '127.0.0.1', '203.0.113.7']],
    [['2001:0db8:0::7'], ['2001:db8::7']],
  ])('%j', (listen, wanted) => {
    expect(selected(listen)).toEqual(wanted);
  });

  it('are those that the node’s settings select, and all without a setting', () => {
    expect(selected(['eth0'], ['mesh'])).toEqual(['10.0.0.7']);
    expect(selected(undefined)).toBeUndefined();
  });
});

describe('a published port', () => {
  const port = { internal: 80, external: 8080, protocol: 'tcp' } as const;

  it('is at all addresses, at some, at all of one family', () => {
    expect(isPublishedAt(port, '10.0.0.7')).toBe(true);
    expect(isPublishedAt({ ...port, addresses: ['10.0.0.7'] }, '10.0.0.7')).toBe(true);
    expect(isPublishedAt({ ...port, addresses: ['127.0.0.1'] }, '10.0.0.7')).toBe(false);
    expect(isPublishedAt({ ...port, addresses: ['0.0.0.0'] }, '10.0.0.7')).toBe(true);
    expect(isPublishedAt({ ...port, addresses: ['0.0.0.0'] }, '2001:db8::7')).toBe(false);
  });

  it('is written with its addresses', () => {
    expect(publishedTexts(port)).toEqual(['8080']);
    expect(publishedTexts({ ...port, addresses: ['127.0.0.1', '::1'] })).toEqual(['127.0.0.1:8080', '[::1]:8080']);
    expect(plainAddress('node1')).toBeUndefined();
  });
});
