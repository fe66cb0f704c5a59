import { describe, expect, it } from 'vitest';
import type { ClusterState } from '../../../src/model/cluster.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { aCluster, aConfig, aContainer, aMount, anApplication, onNode, someFacts } from '../../builders.ts';

const db = anApplication('db', { volumes: [aMount('v1')] });
const config = aConfig([db], { b: ['db'], c: [] });

const blockersOf = (state: ClusterState, wanted = config) => makePlan(wanted, state).blocked;
const kindsOf = (state: ClusterState, wanted = config) =>
  makePlan(wanted, state).steps.map(({ action }) => action.kind);

describe('a node that the cluster knows and no file names', () => {
  const known = aCluster(onNode('b', { network: { peers: ['a', 'c'] } }), onNode('c', { network: { peers: ['b'] } }));

  it('keeps every new volume from being created, with the evidence and the way on', () => {
    expect(kindsOf(known)).not.toContain('create-volume');
    expect(blockersOf(known)).toEqual([
      {
        app: 'db',
        reason:
          'cannot use the volume of "db" on "b": the node at a, which "b" knows as a peer, is missing from the files and may hold it',
        hint: 'put "a: []" back into deployment.yml; to take the node out for good: drover node remove a',
      },
    ]);
  });

  it('is not forgotten by the same plan', () => {
    for (const { action } of makePlan(config, known).steps) {
      if (action.kind === 'replace-network' && action.node === 'b') expect(action.peers).toContain('a');
    }
  });

  it('counts as well where only the rules for booting name it', () => {
    const peers = [{ address: 'a', ports: [22], keys: ['ssh-ed25519 a'] }];
    expect(kindsOf(aCluster(onNode('b', { boot: { peers } }), onNode('c', { boot: {} })))).not.toContain(
      'create-volume',
    );
  });

  it('is not one that has only changed its address, as its host keys show', () => {
    const peers = (of: readonly string[]) => of.map((key) => ({ address: `old-${key}`, ports: [22], keys: [key] }));
    const moved = aCluster(
      onNode('b', { boot: { hostKeys: ['B'], peers: peers(['C']) } }),
      onNode('c', { boot: { hostKeys: ['C'] } }),
    );
    expect(kindsOf(moved)).toContain('create-volume');
    // Hosts made from one image: a shared key proves nothing.
    const shared = aCluster(
      onNode('b', { boot: { hostKeys: ['K'], peers: peers(['K']) } }),
      onNode('c', { boot: { hostKeys: ['K'] } }),
    );
    expect(kindsOf(shared)).not.toContain('create-volume');
  });

  it('is one that this process has seen with data, even if no other node lists it', () => {
    const state = { ...aCluster(onNode('b'), onNode('c')), departed: { a: someFacts('a') } };
    expect(blockersOf(state)[0]?.reason).toContain('node "a", which was seen a moment ago, is missing from the files');
  });

  it('also keeps an application without volumes down that was seen running there', () => {
    const web = anApplication('web');
    const departed = { a: someFacts('a', { containers: [aContainer(web, 'a')] }) };
    const state = { ...aCluster(onNode('b')), departed };
    expect(blockersOf(state, aConfig([web], { b: ['web'] }))[0]?.reason).toContain('is missing from the files');
  });
});
