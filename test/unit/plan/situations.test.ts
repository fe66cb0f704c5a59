import { describe, expect, it } from 'vitest';
import type { Container } from '../../../src/model/cluster.ts';
import type { Application } from '../../../src/model/config.ts';
import { defined } from '../../../src/model/defined.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aForeignContainer,
  aMount,
  anApplication,
  aVolume,
  imageIdOf,
  onNode,
  snaps,
  tcp,
  unreachable,
} from '../../builders.ts';
import { expectPlan } from './golden.ts';

const web = anApplication('web', { ports: [tcp(80, 8080)] });
const db = anApplication('db', { ports: [tcp(5432)], volumes: [aMount('v1')] });
const v1 = (on: string) => aVolume('v1', { on, application: 'db', snapshots: snaps('a1') });

describe('placing', () => {
  it('creates the volume, copies the image from a node that has it, and starts in the order of the links', () => {
    const linked = anApplication('api', { links: [{ alias: 'db', localPort: 5432, remotePort: 5432 }] });
    const last = anApplication('job', { dependsOn: [{ app: 'api', until: 'started' }] });
    expectPlan(
      'place',
      aConfig([db, linked, last], { a: ['api', 'db', 'job'], b: [] }),
      aCluster(onNode('a', { images: ['acme/api:1', 'acme/job:1'] }), onNode('b', { images: ['acme/db:1'] })),
    );
  });

  it('starts two applications that link to each other, one of them first', () => {
    const left = anApplication('left', { ports: [tcp(1001)], links: [{ alias: 'r', localPort: 1, remotePort: 1002 }] });
    const right = anApplication('right', {
      ports: [tcp(1002)],
      links: [{ alias: 'l', localPort: 1, remotePort: 1001 }],
    });
    const images = ['acme/left:1', 'acme/right:1'];
    expectPlan(
      'place-linked-both-ways',
      aConfig([left, right], { a: ['left', 'right'] }),
      aCluster(onNode('a', { images })),
    );
  });

  it('does nothing if the state is as desired', () => {
    const state = aCluster(onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }), onNode('b'));
    expectPlan('right-already', aConfig([db], { a: ['db'], b: [] }), state);
  });

  it('mounts an owned volume before it starts its application', () => {
    const state = aCluster(onNode('a', { volumes: [{ ...v1('a'), mounted: false }], images: ['acme/db:1'] }));
    expectPlan('mount-after-reboot', aConfig([db], { a: ['db'] }), state);
  });

  it('repairs a missing table, unknown peers and a hold that was left over', () => {
    const state = aCluster(
      onNode('a', { containers: [aContainer(web, 'a')] }),
      onNode('b', { network: { present: false } }),
      onNode('c', { network: { peers: ['a'], holds: [{ port: 80, protocol: 'tcp' }] } }),
    );
    expectPlan('network-repaired', aConfig([web], { a: ['web'], b: [], c: [] }), state);
  });
});

describe('restarting in place', () => {
  const restarted = (container: Container, images: readonly string[] = []) =>
    aCluster(onNode('a', { containers: [container], images }));

  it('names the variables that changed and never their values', () => {
    const changed = anApplication('web', { environment: { TOKEN: 'secret-2', MODE: 'x' } });
    const before = anApplication('web', { environment: { TOKEN: 'secret-1', OLD: 'y' } });
    expectPlan('restart-environment', aConfig([changed], { a: ['web'] }), restarted(aContainer(before, 'a')));
  });

  it('only notes another image behind the same tag: a pull by hand restarts nothing', () => {
    const state = restarted(aContainer(web, 'a', { imageId: imageIdOf('older') }));
    expectPlan('restart-newer-image', aConfig([web], { a: ['web'] }), state);
  });

  it('pulls the new image before it stops the old container', () => {
    const newer = { ...web, image: { repository: 'acme/web', tag: '2' } };
    expectPlan('restart-new-tag', aConfig([newer], { a: ['web'] }), restarted(aContainer(web, 'a')));
  });

  it('only starts a container that exited and is not different', () => {
    const state = restarted(aContainer(web, 'a', { state: 'exited', exit: { code: 1, oomKilled: false } }));
    expectPlan('start-exited', aConfig([web], { a: ['web'] }), state);
  });

  it('stops a paused container first', () => {
    expectPlan('restart-paused', aConfig([web], { a: ['web'] }), restarted(aContainer(web, 'a', { state: 'paused' })));
  });

  it('changes the forwards of a changed port only after the restart', () => {
    const other = { ...web, ports: [tcp(81, 8080)] };
    const state = aCluster(onNode('a', { containers: [aContainer(web, 'a')] }), onNode('b'));
    expectPlan('restart-other-port', aConfig([other], { a: ['web'], b: [] }), state);
  });

  it('sets a new limit before the restart', () => {
    const limited = { ...db, volumes: [aMount('v1', 5_000_000)] };
    const state = aCluster(onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }));
    expectPlan('restart-limit', aConfig([limited], { a: ['db'] }), state);
  });
});

describe('moving', () => {
  it('moves an application with its volume and its port', () => {
    const state = aCluster(
      onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }),
      onNode('b'),
      onNode('c'),
    );
    expectPlan('move', aConfig([db], { a: [], b: ['db'], c: [] }), state);
  });

  it('moves both volumes of an application, and stops it once', () => {
    const two = { ...db, volumes: [aMount('v1'), aMount('v2', 5_000_000)] };
    const volumes = [v1('a'), aVolume('v2', { on: 'a', application: 'db' })];
    const state = aCluster(onNode('a', { containers: [aContainer(two, 'a')], volumes }), onNode('b'));
    expectPlan('move-two-volumes', aConfig([two], { a: [], b: ['db'] }), state);
  });

  it('swaps two applications without waiting in a circle', () => {
    const cache = anApplication('cache', { ports: [tcp(6379)], volumes: [aMount('v2')] });
    const images = ['acme/db:1', 'acme/cache:1'];
    const state = aCluster(
      onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')], images }),
      onNode('b', { containers: [aContainer(cache, 'b')], volumes: [aVolume('v2', { on: 'b' })], images }),
    );
    expectPlan('swap', aConfig([db, cache], { a: ['cache'], b: ['db'] }), state);
  });

  it('starts an application without volumes in its new place before it stops in the old one', () => {
    const state = aCluster(onNode('a', { containers: [aContainer(web, 'a')] }), onNode('b'));
    expectPlan('move-without-volume', aConfig([web], { a: [], b: ['web'] }), state);
  });

  it('does the same where the file only exposes a port, and not for a port of the image alone', () => {
    const movesWith = (exposes: Application['exposes']): readonly string[] => {
      const page = anApplication('page', defined({ exposes }));
      const exposed = {
        environment: {},
        command: [],
        entrypoint: [],
        exposes: [{ port: 80, protocol: 'tcp' as const }],
      };
      const container = aContainer(page, 'a', { imageDefaults: exposed });
      const state = aCluster(onNode('a', { containers: [container] }), onNode('b', { images: ['acme/page:1'] }));
      const { steps } = makePlan(aConfig([page], { a: [], b: ['page'] }), state);
      return steps.flatMap(({ action }) =>
        action.kind === 'stop-container'
          ? [action.drains === true ? 'drain and stop' : 'stop']
          : action.kind === 'check-container'
            ? ['check']
            : [],
      );
    };
    expect(movesWith([{ port: 8000, protocol: 'tcp' }])).toEqual(['check', 'drain and stop']);
    expect(movesWith(undefined)).toEqual(['stop', 'check']);
  });

  it('never runs two copies of an application without ports', () => {
    const job = anApplication('job');
    const state = aCluster(
      onNode('a', { containers: [aContainer(job, 'a')] }),
      onNode('b', { images: ['acme/job:1'] }),
    );
    expectPlan('move-without-ports', aConfig([job], { a: [], b: ['job'] }), state);
  });

  it('goes back to a node that still has a released copy: settled first, then only the difference', () => {
    const state = aCluster(
      onNode('a', { volumes: [aVolume('v1', { role: 'released', owner: 'id-b', epoch: 2, snapshots: snaps('a1') })] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [{ ...v1('b'), epoch: 2 }] }),
    );
    expectPlan('move-back', aConfig([db], { a: ['db'], b: [] }), state);
  });

  it('moves a volume without an application', () => {
    const datasets = [{ id: 'v1', node: 'b', maximumSizeBytes: 7_000_000 }];
    const state = aCluster(onNode('a', { volumes: [aVolume('v1', { on: 'a' })] }), onNode('b'));
    expectPlan('move-bare-volume', aConfig([], { a: [], b: [] }, { datasets }), state);
  });

  it('gives a port to another application after the one that had it stopped', () => {
    const next = anApplication('next', { ports: [tcp(80)] });
    const state = aCluster(
      onNode('a', { containers: [aContainer(web, 'a')] }),
      onNode('b', { images: ['acme/next:1'] }),
    );
    expectPlan('port-passes-on', aConfig([next], { a: [], b: ['next'] }), state);
  });

  it('gives a volume to another application after the one that had it stopped', () => {
    const next = anApplication('next', { volumes: [aMount('v1')] });
    const state = aCluster(
      onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }),
      onNode('b', { images: ['acme/next:1'] }),
    );
    expectPlan('volume-passes-on', aConfig([next], { a: [], b: ['next'] }), state);
  });

  it('gives it away only after a container that is kept has gone too: its node may start it again', () => {
    const next = anApplication('next', { volumes: [aMount('v1')] });
    const kept = { ...aContainer(db, 'a'), state: 'exited' as const };
    const { steps } = makePlan(
      aConfig([next], { a: ['next'] }),
      aCluster(onNode('a', { containers: [kept], volumes: [v1('a')], images: ['acme/next:1'] })),
    );
    const stop = steps.find(({ action }) => action.kind === 'stop-container');
    const start = steps.find(({ action }) => action.kind === 'start-container');
    expect([stop?.group, start?.group]).toEqual(['db', 'next']);
    expect(start?.after).toContain(stop?.id);
  });
});

describe('removing', () => {
  it('stops what is not declared, keeps its volume and says so', () => {
    const state = aCluster(onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }), onNode('b'));
    expectPlan('undeclared', aConfig([], { a: [], b: [] }), state);
  });

  it('retires a volume declared deleted after its last user stopped', () => {
    const datasets = [{ id: 'v1', node: 'a', deleted: true }];
    const state = aCluster(onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }));
    expectPlan('retire', aConfig([], { a: [] }, { datasets }), state);
  });

  it('never touches foreign containers', () => {
    const state = aCluster(onNode('a', { containers: [aForeignContainer('nginx', [tcp(8080)])] }));
    expectPlan('foreign-left-alone', aConfig([], { a: [] }), state);
  });
});

describe('blocked', () => {
  it('creates no volume while a node that may hold it cannot be reached', () => {
    const state = aCluster(onNode('a', { images: ['acme/db:1'] }), unreachable('b'));
    expectPlan('blocked-create', aConfig([db], { a: ['db'], b: [] }), state);
  });

  it('says which node had the volume when last seen', () => {
    const state = aCluster(onNode('a'), unreachable('b', { volumes: [v1('b')] }), unreachable('c'));
    expectPlan('blocked-owner-away', aConfig([db], { a: ['db'], b: [], c: [] }), state);
  });

  it('plans nothing for a node that cannot be reached, and goes on with the others', () => {
    const state = aCluster(
      onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }),
      unreachable('b', { containers: [aContainer(web, 'b')] }),
      onNode('c'),
    );
    expectPlan('blocked-node-away', aConfig([db, web], { a: [], b: ['web'], c: ['db'] }), state);
  });

  it('starts no second copy of an application last seen on a node that cannot be reached', () => {
    const state = aCluster(
      onNode('a', { images: ['acme/web:1'] }),
      unreachable('b', { containers: [aContainer(web, 'b')] }),
    );
    expectPlan('blocked-second-copy', aConfig([web], { a: ['web'], b: [] }), state);
  });

  it('shows both lists where the target has snapshots of its own', () => {
    const source = aVolume('v1', { on: 'a', snapshots: snaps('a1 b2') });
    const target = aVolume('v1', { role: 'replica', owner: 'id-a', snapshots: snaps('a1 x9') });
    const state = aCluster(
      onNode('a', { containers: [aContainer(db, 'a')], volumes: [source] }),
      onNode('b', { volumes: [target] }),
    );
    expectPlan('blocked-snapshots', aConfig([db], { a: [], b: ['db'] }), state);
  });

  it('never takes a port that another program has, or that reaches the nodes', () => {
    const ssh = anApplication('ssh', { ports: [tcp(22), tcp(2222), tcp(2375)] });
    const state = aCluster(
      onNode('a', { images: ['acme/web:1'] }),
      onNode('b', { listeners: [{ port: 80, protocol: 'tcp', address: '0.0.0.0', process: 'nginx' }] }),
      onNode('c', { containers: [aForeignContainer('proxy', [tcp(80)])] }),
    );
    const nodes = { a: {}, b: { port: 2222 }, c: {} };
    expectPlan('blocked-ports', aConfig([web, ssh], { a: ['web', 'ssh'], b: [], c: [] }, { nodes }), state);
  });

  it('leaves a foreign container alone that has the name of ours', () => {
    const state = aCluster(onNode('a', { containers: [aForeignContainer('drover-web')], images: ['acme/web:1'] }));
    expectPlan('blocked-name', aConfig([web], { a: ['web'] }), state);
  });

  it('makes no new volume in the place of a retired one', () => {
    const state = aCluster(onNode('a', { volumes: [aVolume('v1', { role: 'retired' })] }), onNode('b'));
    expectPlan('blocked-retired', aConfig([db], { a: [], b: ['db'] }), state);
  });

  it('refuses a limit below what the volume holds', () => {
    const small = { ...db, volumes: [aMount('v1', 1000)] };
    const state = aCluster(onNode('a', { containers: [aContainer(db, 'a')], volumes: [v1('a')] }));
    expectPlan('blocked-limit', aConfig([small], { a: ['db'] }), state);
  });

  it('does not give a port away that a blocked application still holds', () => {
    const next = anApplication('next', { ports: [tcp(80)] });
    const changed = { ...web, ports: [tcp(22)] };
    const state = aCluster(onNode('a', { containers: [aContainer(web, 'a')], images: ['acme/next:1'] }));
    expectPlan('blocked-port-in-use', aConfig([next, changed], { a: ['next', 'web'] }), state);
  });
});
