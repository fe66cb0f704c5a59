import type { Container } from './cluster.ts';
import type { Application } from './config.ts';

/**
 * The state of an application's container in one word, the same everywhere it is shown.
 * finished: it exited with code 0, and its restart policy is on-failure. failed: it exited with another code, or Docker
 * could not remove it. stopped: it does not run for another reason.
 */
export type ContainerVerdict =
  | 'running'
  | 'starting'
  | 'unhealthy'
  | 'restarting'
  | 'paused'
  | 'removing'
  | 'finished'
  | 'failed'
  | 'stopped';

/** The verdict on a container; `app` is its application, if the files have it. */
export function judgeContainer(
  {
    state,
    health,
    exit,
  }: Pick<Container, 'state'> & {
    readonly health?: Container['health'] | undefined;
    readonly exit?: Container['exit'] | undefined;
  },
  app: Application | undefined,
): ContainerVerdict {
  switch (state) {
    case 'running':
      return health === 'unhealthy' || health === 'starting' ? health : 'running';
    case 'restarting':
    case 'paused':
    case 'removing':
      return state;
    case 'created':
      return 'stopped';
    case 'dead':
      return 'failed';
    case 'exited':
      if (exit === undefined) return 'stopped';
      if (exit.code !== 0) return 'failed';
      return app !== undefined && endsWithSuccess(app) ? 'finished' : 'stopped';
  }
}

/** True if the application does its work once: Docker restarts it only after a failure. */
export const endsWithSuccess = ({ restartPolicy, staysDown }: Application): boolean =>
  restartPolicy.name === 'on-failure' && staysDown !== true;
