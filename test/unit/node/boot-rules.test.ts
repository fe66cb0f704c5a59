import { describe, expect, it } from 'vitest';
import type { BootRules } from '../../../src/model/cluster.ts';
import { parseBoot, renderAuthorized, renderRules, setBootRules } from '../../../src/node/boot-rules.ts';
import { exits } from '../../../src/node/zfs/scripts.ts';
import { scriptedConnection } from '../../fakes/scripted-connection.ts';

const rules: BootRules = {
  alone: 'start',
  peers: [
    { address: '10.0.0.2', ports: [2222, 22], keys: ['ssh-ed25519 AAAAC3', 'ssh-rsa AAAAB3=='] },
    { address: 'fd00::3', ports: [22], keys: ['ssh-ed25519 AAAAC4'] },
  ],
};

describe('what a node goes by when it boots', () => {
  it('reads back from its text', () => {
    expect(renderRules(rules)).toBe(
      'alone start\npeer 10.0.0.2 2222,22 ssh-ed25519 AAAAC3\npeer 10.0.0.2 2222,22 ssh-rsa AAAAB3==\npeer fd00::3 22 ssh-ed25519 AAAAC4\n',
    );
    expect(parseBoot(`ready\n${renderRules(rules)}`)).toEqual({ ...rules, waiting: [] });
    expect(parseBoot('ready\n')).toEqual({ alone: 'wait', peers: [], waiting: [] });
  });

  it('reads back with the ids of the peers, also of one that cannot be asked, and of those that are gone', () => {
    const [first, second] = rules.peers;
    const named = {
      alone: 'wait',
      peers: [{ ...first, id: 'b' }, { ...second }, { address: '10.0.0.4', ports: [], keys: [], id: 'd' }],
      gone: ['x', 'y'],
    } as BootRules;
    const text = renderRules(named);
    expect(text).toContain('node 10.0.0.2 b\n');
    expect(text).toContain('node 10.0.0.4 d\ngone x\ngone y\n');
    expect(parseBoot(`ready\n${text}`)).toEqual({ ...named, waiting: [] });
    expect(parseBoot('ready\nnode 10.0.0.4 -x\nnode 10.0.0.5 a b\ngone $(id)\n')).toEqual({
      alone: 'wait',
      peers: [],
      waiting: [],
    });
  });

  it('tells a peer by its key, and tells everything where a key does not say which one it is', () => {
    const [first, second] = rules.peers;
    const peers = [
      { ...first, id: 'b' },
      { ...second, id: 'c' },
      { address: '10.0.0.4', ports: [22], keys: ['ssh-ed25519 AAAAC4'], id: 'd' },
    ];
    expect(renderAuthorized({ alone: 'wait', peers } as BootRules).split('\n')).toEqual([
      'restrict,command="/usr/local/lib/drover/epochs peer b" ssh-ed25519 AAAAC3 drover-peer',
      'restrict,command="/usr/local/lib/drover/epochs peer b" ssh-rsa AAAAB3== drover-peer',
      'restrict,command="/usr/local/lib/drover/epochs" ssh-ed25519 AAAAC4 drover-peer',
      '',
    ]);
  });

  it.each(['a" sh', 'a b', '', '-x', 'a\nb'])('refuses %j as an id', (id) => {
    const bad = {
      alone: 'wait',
      peers: [{ address: '10.0.0.2', ports: [22], keys: ['ssh-ed25519 AAAAC3'], id }],
    } as const;
    if (id !== '') expect(() => renderAuthorized(bad)).toThrow('is not a valid node id');
    expect(() => renderRules(bad)).toThrow('is not a valid node id');
  });

  it('is absent where the node is not set up for it', () => {
    expect(parseBoot('')).toBeUndefined();
    expect(parseBoot(renderRules(rules))).toBeUndefined();
  });

  it('tells what waits, and for whom; other lines are left out', () => {
    const text =
      'ready\nalone wait\nwaiting\tv1\tsilent\t10.0.0.2,fd00::3\nwaiting\tv2\trival\t10.0.0.2\nwaiting\tv3\n';
    expect(parseBoot(text)?.waiting).toEqual([
      { volume: 'v1', why: 'silent', peers: ['10.0.0.2', 'fd00::3'] },
      { volume: 'v2', why: 'rival', peers: ['10.0.0.2'] },
    ]);
  });

  it('lets each key have the epochs, and nothing else', () => {
    expect(renderAuthorized(rules).split('\n')).toEqual([
      'restrict,command="/usr/local/lib/drover/epochs" ssh-ed25519 AAAAC3 drover-peer',
      'restrict,command="/usr/local/lib/drover/epochs" ssh-rsa AAAAB3== drover-peer',
      'restrict,command="/usr/local/lib/drover/epochs" ssh-ed25519 AAAAC4 drover-peer',
      '',
    ]);
  });

  it.each(['ssh-ed25519 AAAA\nssh-rsa BBBB', 'command="sh" ssh-rsa AAAA', 'ssh-rsa', 'ssh-rsa AAAA comment'])(
    'refuses %j as a key',
    (key) => {
      const bad = { alone: 'wait', peers: [{ address: '10.0.0.2', ports: [22], keys: [key] }] } as const;
      expect(() => renderAuthorized(bad)).toThrow('is not a valid host key');
      expect(() => renderRules(bad)).toThrow('is not a valid host key');
    },
  );

  it('says what to run on a node without the user it needs', async () => {
    const connection = scriptedConnection(() => ({ code: exits.noRoot }));
    await expect(setBootRules(connection, rules, new AbortController().signal)).rejects.toMatchObject({
      code: 'command-failed',
      hint: 'run host/provision.sh on the node',
    });
  });
});
