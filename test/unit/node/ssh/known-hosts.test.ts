import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  fingerprint,
  hostKeyAlgorithms,
  judgeHostKey,
  keyType,
  knownHostName,
  matchesHost,
  parseKnownHosts,
  pinnedKeys,
  readKnownHosts,
} from '../../../../src/node/ssh/known-hosts.ts';

/** A key blob of this type; only the type is readable in it. */
const blob = (type: string, content: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), Buffer.from(content)]);
};
const one = blob('ssh-ed25519', 'one');
const two = blob('ssh-ed25519', 'two');
const rsa = blob('ssh-rsa', 'three');
const line = (hosts: string, key: Buffer, marker = ''): string =>
  `${marker}${hosts} ${keyType(key)} ${key.toString('base64')} comment`;
const parse = (...lines: string[]) => parseKnownHosts(lines.join('\n'), '/kh');

describe('judging a key', () => {
  test('a pinned key is known', () => {
    expect(judgeHostKey(parse(line('node1', one)), 'node1', one)).toEqual({ status: 'known' });
  });

  test('a host that is in no line is unknown', () => {
    expect(judgeHostKey(parse(line('node2', one)), 'node1', one)).toEqual({ status: 'unknown' });
  });

  test('another key of the same type has changed, and the line is named', () => {
    const entries = parse('# comment', '', line('node1', rsa), line('node1', one));
    expect(judgeHostKey(entries, 'node1', two)).toMatchObject({ status: 'changed', entry: { file: '/kh', line: 4 } });
  });

  test('a key of a type that is not pinned has changed too', () => {
    expect(judgeHostKey(parse(line('node1', rsa)), 'node1', one)).toMatchObject({ status: 'changed' });
  });

  test('one of several pinned keys is enough', () => {
    expect(judgeHostKey(parse(line('node1', two), line('node1', one)), 'node1', one).status).toBe('known');
  });

  test('a revoked key is refused although it is pinned', () => {
    const entries = parse(line('node1', one), line('*', one, '@revoked '));
    expect(judgeHostKey(entries, 'node1', one)).toMatchObject({ status: 'revoked', entry: { line: 2 } });
    expect(pinnedKeys(entries, 'node1')).toEqual([]);
  });

  test('a certificate authority is not a key of the host', () => {
    expect(judgeHostKey(parse(line('node1', one, '@cert-authority ')), 'node1', one).status).toBe('unknown');
  });

  test('a line with an unknown marker is not used', () => {
    expect(judgeHostKey(parse(line('node1', one, '@trusted ')), 'node1', one).status).toBe('unknown');
  });
});

describe('matching a host', () => {
  const matches = (hosts: string, name: string): boolean => parse(line(hosts, one)).some((e) => matchesHost(e, name));

  test.each([
    ['node1,10.0.0.1', '10.0.0.1', true],
    ['node*', 'node17', true],
    ['node?', 'node17', false],
    ['*.example.org,!db.example.org', 'web.example.org', true],
    ['*.example.org,!db.example.org', 'db.example.org', false],
    ['10.0.0.1', '10x0x0x1', false],
    ['[node1]:2222', '[node1]:2222', true],
    ['node1', '[node1]:2222', false],
    ['NODE1', 'node1', true],
  ])('%s for %s is %s', (hosts, name, expected) => {
    expect(matches(hosts, name)).toBe(expected);
  });

  test('a port other than 22 is part of the name, in brackets', () => {
    expect(knownHostName('Node1', 22)).toBe('node1');
    expect(knownHostName('Node1', 2222)).toBe('[node1]:2222');
    expect(knownHostName('fe80::1', 2222)).toBe('[fe80::1]:2222');
  });

  test('a damaged hashed name matches nothing', () => {
    expect(matches('|1|abc', 'node1')).toBe(false);
    expect(matches('|2|AAAA|AAAA', 'node1')).toBe(false);
    expect(matches('|1|AAAA|AAAA', 'node1')).toBe(false);
  });
});

test('pinned types are asked for first, RSA by its SHA-2 signatures only', () => {
  const algorithms = hostKeyAlgorithms([`ssh-rsa ${rsa.toString('base64')}`]);
  expect(algorithms.slice(0, 2)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  expect(algorithms).toHaveLength(6);
  expect(hostKeyAlgorithms([])[0]).toBe('ssh-ed25519');
});

test('a damaged key blob has no type', () => {
  expect(keyType(Buffer.from([0, 0, 1]))).toBe('unknown');
  expect(keyType(Buffer.from([0, 0, 0, 200, 1]))).toBe('unknown');
});

describe.skipIf(!existsSync('/usr/bin/ssh-keygen'))('compared with ssh-keygen', () => {
  let dir = '';
  const at = (name: string): string => join(dir, name);
  const keygen = (...args: string[]): string => execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: 'pipe' });
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'drover-kh-'));
    keygen('-q', '-t', 'ed25519', '-N', '', '-f', at('key'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const key = (): Buffer => Buffer.from(readFileSync(at('key.pub'), 'utf8').split(' ')[1] ?? '', 'base64');

  test('a fingerprint is the one it prints', () => {
    expect(keygen('-lf', at('key.pub')).split(' ')[1]).toBe(fingerprint(key()));
  });

  test('names it hashed are found, and only they', async () => {
    writeFileSync(at('hashed'), `${line('node1,[node2]:2222', key())}\n`);
    keygen('-q', '-H', '-f', at('hashed'));
    expect(readFileSync(at('hashed'), 'utf8')).not.toContain('node1');
    const entries = await readKnownHosts([at('missing'), at('hashed')]);
    expect(judgeHostKey(entries, 'node1', key()).status).toBe('known');
    expect(judgeHostKey(entries, '[node2]:2222', key()).status).toBe('known');
    expect(judgeHostKey(entries, 'node2', key()).status).toBe('unknown');
  });
});
