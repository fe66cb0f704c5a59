import type { NodeName } from '../../src/model/config.ts';
import { AppError } from '../../src/model/errors.ts';
import { atWrite, type Controller, type Gate, killed } from './harness.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** What an event can use. */
export interface Walk {
  readonly world: World;
  /** The run that the event disturbs. */
  readonly first: Controller;
  /** Another process, with the files that follow. */
  readonly second: Controller;
  /** Which write of the first run. */
  readonly k: number;
  /** Which call of the second run. */
  readonly m: number;
  readonly random: Random;
  /** Runs a controller and checks its outcome. */
  run(controller: Controller): Promise<void>;
  /** The cluster was changed in a way that a run which has observed before cannot know. */
  disturb(): void;
  /** Something is broken until it is repaired: a failed run may not be able to restore everything. */
  breakDown(): void;
  /** Adds a step to the repair. */
  healLater(heal: () => void | Promise<void>): void;
}

export type Event = (walk: Walk) => Promise<void>;

/** Sometimes lets minutes pass between two runs, in which a node may act on its own. */
export async function maybeWait({ world, random }: Walk): Promise<void> {
  if (random.oneIn(2)) await world.spend(180_000);
}

export const away = (node: NodeName): AppError =>
  new AppError('connection-failed', `cannot reach node "${node}": timed out`, { retryable: true });

/** Runs the first controller, with `strike` at its k-th write, and then, perhaps later, the second one. */
export async function runBoth(walk: Walk, strike: Gate, second?: Gate): Promise<void> {
  walk.first.gate = atWrite(walk.k, strike);
  await walk.run(walk.first);
  await walk.first.close();
  await maybeWait(walk);
  walk.second.gate = second;
  await walk.run(walk.second);
  await walk.second.close();
}

export const killBefore =
  (controller: Controller): Gate =>
  async () => {
    controller.kill();
    throw killed();
  };

export const killAfter =
  (controller: Controller): Gate =>
  async (_call, go) => {
    await go();
    controller.kill();
    throw killed();
  };

export async function afterFirst(walk: Walk, second: Gate): Promise<void> {
  await walk.run(walk.first);
  await walk.first.close();
  await maybeWait(walk);
  walk.second.gate = second;
  await walk.run(walk.second);
  await walk.second.close();
}
