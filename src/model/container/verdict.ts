import type { Container, ContainerExit } from '../cluster.ts';
import type { Application } from '../config.ts';

/**
 * The state of an application's container in one word, the same everywhere it is shown.
 * done: it exited with code 0, and its work may end or its restart policy is on-failure. failed: it exited with another
 * code, or Docker could not remove it. stopped: it does not run for another reason.
 */
export type ContainerVerdict =
  | 'running'
  | 'starting'
  | 'unhealthy'
  | 'restarting'
  | 'paused'
  | 'removing'
  | 'done'
  | 'failed'
  | 'stopped';

/** The verdict on a container; `app` is its application, if the files have it. */
export function judgeContainer(
  {
    state,
    health,
    exit,
    isDone,
  }: Pick<Container, 'state'> & {
    readonly health?: Container['health'] | undefined;
    readonly exit?: Container['exit'] | undefined;
    /** As in its spec. */
    readonly isDone?: boolean | undefined;
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
      return isDone === true && app !== undefined ? 'done' : 'stopped';
    case 'dead':
      return 'failed';
    case 'exited':
      if (exit === undefined) return 'stopped';
      if (exit.code !== 0) return 'failed';
      return app !== undefined && endsWithSuccess(app, exit) ? 'done' : 'stopped';
  }
}

/** A shutdown of the node may have ended a container that exited before the last boot. */
const endsWithSuccess = ({ restartPolicy, mayEnd }: Application, { isBeforeBoot }: ContainerExit): boolean =>
  mayEnd === 'job' || (isBeforeBoot !== true && (mayEnd === 'alone' || restartPolicy.name === 'on-failure'));

/** True if the work of the application is done, so that nothing starts it again. */
export const isDone = ({ state, exit, spec }: Pick<Container, 'state' | 'exit' | 'spec'>, app: Application): boolean =>
  app.mayEnd !== undefined && judgeContainer({ state, exit, isDone: spec.isDone }, app) === 'done';
