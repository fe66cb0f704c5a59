/** down: saves the machines' memory, so that the next `up` continues where they were, or shuts them down. */
import { setTimeout as sleep } from 'node:timers/promises';
import { progress } from '../../scripts/progress.mjs';
import { canSleep, pidOf, quitMachine, saveMachines } from '../machine.ts';
import { restNetwork } from '../network.ts';
import { indexesOf, onNode } from '../nodes.ts';
import { labName, requireLab, withLab, writeLab } from '../store.ts';
import type { Lab, Values } from '../types.ts';
import { ASLEEP } from './up.ts';

const SHUTDOWN_LIMIT_MS = 90_000;

async function shutDown(lab: Lab, running: readonly number[]): Promise<void> {
  await Promise.all(
    running.map((index: number) => onNode(lab, index, 'systemctl poweroff', { nothrow: true, limitMs: 20_000 })),
  );
  const until = Date.now() + SHUTDOWN_LIMIT_MS;
  while (running.some((index: number) => pidOf(lab, index)) && Date.now() < until) await sleep(200);
  await Promise.all(running.map((index: number) => quitMachine(lab, index)));
}

async function putToSleep(lab: Lab, running: readonly number[]): Promise<void> {
  await saveMachines(lab, running, ASLEEP, { resume: false });
  lab.asleep = [...running];
  await writeLab(lab);
  await Promise.all(running.map((index: number) => quitMachine(lab, index)));
}

export async function down(values: Values): Promise<void> {
  const name = labName(values);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const running = indexesOf(lab).filter((index) => pidOf(lab, index));
    if (running.length === 0) {
      await restNetwork(lab);
      process.stdout.write(`The lab "${name}" is already off.\n`);
      return;
    }
    const sleeps = canSleep(lab) && !values['power-off'];
    const stage = progress.stage(sleeps ? 'putting the nodes to sleep' : 'shutting the nodes down');
    await (sleeps ? putToSleep : shutDown)(lab, running);
    await restNetwork(lab);
    stage.done();
    process.stdout.write(`The lab "${name}" is off; \`npm run lab -- up\` starts it again.\n`);
  });
}
