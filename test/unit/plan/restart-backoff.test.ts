import { describe, expect, it } from 'vitest';
import type { Container } from '../../../src/model/cluster.ts';
import type { Application } from '../../../src/model/config.ts';
import type { RestartPolicy } from '../../../src/model/container/fields.ts';
import { type RecentExits, restartDecision } from '../../../src/plan/restart-backoff.ts';
import { anApplication } from '../../builders.ts';

const app = (restartPolicy: RestartPolicy = { name: 'never' }, staysDown?: true): Application => ({
  ...anApplication('db'),
  restartPolicy,
  ...(staysDown === undefined ? {} : { staysDown }),
});
const ended = (code: number, restarts?: number): Container => ({
  id: 'c',
  name: 'drover-db',
  application: 'db',
  managed: true,
  state: 'exited',
  exit: { code, oomKilled: false },
  ...(restarts === undefined ? {} : { restarts }),
  spec: {
    application: 'db',
    image: 'acme/db:1',
    ports: [],
    environment: {},
    mounts: [],
    restartPolicy: { name: 'never' },
  },
  imageId: 'sha256:x',
  imageDefaults: { environment: {}, command: [], entrypoint: [] },
});
const ends = (count: number, wasUp = true): RecentExits => ({ count, lastAt: 1_000, wasUp });
const twice: RestartPolicy = { name: 'on-failure', maximumRetryCount: 2 };

describe('a container that has exited', () => {
  it('is restarted at once the first time, if the policy is absent, always or unless-stopped', () => {
    for (const policy of ['never', 'always', 'unless-stopped'] as const) {
      expect(restartDecision(app({ name: policy }), ended(137), ends(1))).toEqual({ kind: 'now' });
      expect(restartDecision(app({ name: policy }), ended(0), ends(1))).toEqual({ kind: 'now' });
    }
  });

  it('waits twice as long after every exit, five minutes at most', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 50].map((count) => {
      const comeback = restartDecision(app(), ended(1), ends(count, false));
      return comeback.kind === 'wait' ? (comeback.untilMs - 1_000) / 1000 : comeback.kind;
    });
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('stays down if the file says never, whatever its exit code', () => {
    for (const code of [0, 1]) {
      expect(restartDecision(app({ name: 'never' }, true), ended(code), ends(1))).toEqual({
        kind: 'stays',
        because: 'never',
      });
    }
  });

  it('is done after exit code 0 with policy on-failure', () => {
    expect(restartDecision(app({ name: 'on-failure' }), ended(0), ends(1))).toEqual({ kind: 'done' });
    expect(restartDecision(app(twice), ended(0, 1), ends(1))).toEqual({ kind: 'done' });
  });

  it('stays down after Docker has given up, and is restarted if it was killed before that', () => {
    expect(restartDecision(app(twice), ended(3, 2), ends(1))).toEqual({ kind: 'stays', because: 'given-up' });
    expect(restartDecision(app(twice), ended(137, 1), ends(1))).toEqual({ kind: 'now' });
    expect(restartDecision(app({ name: 'on-failure' }), ended(137, 9), ends(1))).toEqual({ kind: 'now' });
  });
});
