/** destroy: nothing of the lab stays on the machine; prints what went. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../errors.mjs';
import { dropNetwork } from '../network.mjs';
import { indexesOf } from '../nodes.mjs';
import { cacheRoot, MAX_NODES, runDir } from '../paths.mjs';
import { killMachine, pidOf } from '../qemu.mjs';
import { allLabs, dropLock, labName, readLab, withLab } from '../store.mjs';

async function othersRunning(name) {
  const labs = await Promise.all(
    (await allLabs()).filter((each) => each !== name).map((each) => readLab(each).catch(() => undefined)),
  );
  return labs.filter((lab) => lab && indexesOf(lab).some((index) => pidOf(lab, index))).map((lab) => lab.name);
}

/** A record that cannot be read: what its folder and the machine's own network show is taken for the lab's. */
function guessLab(name) {
  const netns = name === 'default' ? undefined : name;
  const rootless = existsSync(join(runDir(name), 'wire'));
  return { name, nodes: MAX_NODES, rootless, netns: rootless ? undefined : netns, madeNetns: true };
}

export async function destroy(values) {
  const name = labName(values);
  const went = [];
  await withLab(name, async () => {
    const lab = await readLab(name).catch(() => guessLab(name));
    if (lab) {
      for (const index of indexesOf(lab)) {
        const pid = await killMachine(lab, index);
        if (pid) went.push(`machine node${index} (process ${pid})`);
      }
      went.push(...(await dropNetwork(lab)));
    }
    if (existsSync(runDir(name))) {
      await rm(runDir(name), { recursive: true, force: true });
      went.push(`folder ${runDir(name)}`);
    }
    if (values.cache) {
      const others = await othersRunning(name);
      if (others.length > 0)
        throw new LabError(`The cache stays, because the lab "${others[0]}" runs from it; destroy that one first.`);
      if (existsSync(cacheRoot())) {
        await rm(cacheRoot(), { recursive: true, force: true });
        went.push(`cache ${cacheRoot()}`);
      }
    }
    await dropLock(name);
  });
  process.stdout.write(
    went.length === 0
      ? `Nothing was there of the lab "${name}".\n`
      : `${went.map((each) => `gone: ${each}`).join('\n')}\n`,
  );
}
