/** destroy: nothing of the lab stays on the machine; prints what went. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../errors.mjs';
import { killMachine } from '../machine.mjs';
import { dropNetwork } from '../network.mjs';
import { ALL_NODES, cacheRoot, MAX_NODES, runDir } from '../paths.mjs';
import { allLabs, dropLock, labName, readLab, withLab } from '../store.mjs';

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
      for (const index of ALL_NODES) {
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
      // Also one that sleeps: its disks are of no use without the image they were made from.
      const other = (await allLabs()).find((each) => each !== name);
      if (other !== undefined)
        throw new LabError(`The cache stays, because the lab "${other}" was made from it; destroy that one first.`);
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
