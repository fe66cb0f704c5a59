/** down: the machines sleep (the next up continues where they were), or are shut down in order. */
import { setTimeout as sleep } from 'node:timers/promises';
import { canSleep, pidOf, quitMachine, saveMachines } from '../machine.mjs';
import { restNetwork } from '../network.mjs';
import { indexesOf, onNode } from '../nodes.mjs';
import { progress } from '../progress.mjs';
import { labName, requireLab, withLab, writeLab } from '../store.mjs';
import { ASLEEP } from './up.mjs';

const SHUTDOWN_LIMIT_MS = 90_000;

async function shutDown(lab, running) {
  await Promise.all(running.map((index) => onNode(lab, index, 'systemctl poweroff', { nothrow: true, limit: 20_000 })));
  const until = Date.now() + SHUTDOWN_LIMIT_MS;
  while (running.some((index) => pidOf(lab, index)) && Date.now() < until) await sleep(200);
  await Promise.all(running.map((index) => quitMachine(lab, index)));
}

async function putToSleep(lab, running) {
  await saveMachines(lab, running, ASLEEP, { resume: false });
  lab.asleep = running;
  await writeLab(lab);
  await Promise.all(running.map((index) => quitMachine(lab, index)));
}

export async function down(values) {
  const name = labName(values);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const running = indexesOf(lab).filter((index) => pidOf(lab, index));
    if (running.length === 0) {
      await restNetwork(lab);
      process.stdout.write(`The lab "${name}" is off already.\n`);
      return;
    }
    const sleeps = canSleep(lab) && !values['power-off'];
    const stage = progress.stage(sleeps ? 'putting the nodes to sleep' : 'shutting the nodes down');
    await (sleeps ? putToSleep : shutDown)(lab, running);
    await restNetwork(lab);
    stage.done();
    process.stdout.write(`The lab "${name}" is off; \`npm run lab -- up\` brings it back as it was.\n`);
  });
}
