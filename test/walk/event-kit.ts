import type { NodeName } from '../../src/model/config.ts';
import { AppError } from '../../src/model/errors.ts';
import { atWrite, type Controller, type Gate, killed } from './harness.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** What a case gives to its event. */
export interface Walk {
  readonly world: World;
  /** The run that the event is for. */
  readonly first: Controller;
  /** Another process, with the files that follow. */
  readonly second: Controller;
  /** Which write of the first run. */
  readonly k: number;
  /** Which call of the second run. */
  readonly m: number;
  readonly random: Random;
  /** Lets a controller do its work, and judges what it says. */
  run(controller: Controller): Promise<void>;
  /** Something was done to the cluster that a run which has looked already cannot know. */
  disturb(): void;
  /** Something is wrong until it is healed: a run that fails may not be able to bring everything back. */
  breakDown(): void;
  /** Remembers what has to happen before all is well again. */
  healLater(heal: () => void | Promise<void>): void;
}

export type Event = (walk: Walk) => Promise<void>;

/** Minutes that pass now and then between two runs: what a node does by itself then happens, or does not. */
export async function maybeWait({ world, random }: Walk): Promise<void> {
  if (random.oneIn(2)) await world.spend(180_000);
}

export const away = (node: NodeName): AppError =>
  new AppError('connection-failed', `cannot reach node "${node}": timed out`, { retryable: true });

/** The first run, with something that happens at its k-th write; then, perhaps later, the second run. */
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
