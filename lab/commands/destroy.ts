/** destroy: removes everything of the lab and prints each thing removed. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../errors.mjs';
import { killMachine } from '../machine.ts';
import { dropNetwork } from '../network.ts';
import { ALL_NODES, cacheRoot, MAX_NODES, runDir } from '../paths.mjs';
import { allLabs, dropLock, labName, readLab, withLab } from '../store.ts';
import type { Lab, Values } from '../types.ts';

/** A record in place of one that cannot be read: it names everything that a lab of this name may have. */
function guessLab(name: string): Lab {
  const netns = name === 'default' ? undefined : name;
  const rootless = existsSync(join(runDir(name), 'wire'));
  return {
    name,
    phase: 'making',
    nodes: MAX_NODES,
    memory: 0,
    images: false,
    base: '',
    accel: 'um',
    smp: 1,
    rootless,
    netns: rootless ? undefined : netns,
    madeNetns: true,
  };
}

export async function destroy(values: Values): Promise<void> {
  const name = labName(values);
  const removed: string[] = [];
  await withLab(name, async () => {
    const lab = await readLab(name).catch(() => guessLab(name));
    if (lab) {
      for (const index of ALL_NODES) {
        const pid = await killMachine(lab, index);
        if (pid) removed.push(`machine node${index} (process ${pid})`);
      }
      removed.push(...(await dropNetwork(lab)));
    }
    if (existsSync(runDir(name))) {
      await rm(runDir(name), { recursive: true, force: true });
      removed.push(`folder ${runDir(name)}`);
    }
    if (values.cache) {
      // A lab that is off counts too: its disks need the image they were made from.
      const other = (await allLabs()).find((each) => each !== name);
      if (other !== undefined)
        throw new LabError(`cannot remove the cache: the lab "${other}" uses it; destroy that lab first.`);
      if (existsSync(cacheRoot())) {
        await rm(cacheRoot(), { recursive: true, force: true });
        removed.push(`cache ${cacheRoot()}`);
      }
    }
    await dropLock(name);
  });
  process.stdout.write(
    removed.length === 0 ? `There is no lab "${name}".\n` : `${removed.map((each) => `removed: ${each}`).join('\n')}\n`,
  );
}
