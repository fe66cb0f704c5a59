/** Which images run in place of official ones: only where no registry answers, and said aloud. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { onNode } from './nodes.mjs';
import { LAB_DIR, runDir } from './paths.mjs';

const LIMIT_SECONDS = 5;

/** Asks node1 whether it reaches the registry its own Docker would ask. */
async function registryAnswers(lab) {
  if (!lab.wayOut) return false;
  const script = `host=$(docker info -f '{{.IndexServerAddress}}' | sed -E 's,^https?://([^/:]+).*,\\1,')
    timeout ${LIMIT_SECONDS} bash -c "exec 3<>/dev/tcp/$host/443"`;
  const out = await onNode(lab, 1, script, { nothrow: true, limit: `${LIMIT_SECONDS + 5}s` });
  return out.exitCode === 0;
}

async function standIns() {
  const list = await $({ quiet: true })`${process.execPath} ${join(LAB_DIR, 'images', 'build.mjs')} --list`;
  return list.stdout.split('\n').flatMap((line) => {
    const [, ref, official = ''] = line.split('\t');
    return official
      .split(',')
      .filter(Boolean)
      .map((repository) => ({ ref, repository }));
  });
}

/** Adds `images:` to the lab's drover.yml where its nodes have to do without a registry; returns what to tell. */
export async function substituteImages(lab) {
  if (!lab.images || (await registryAnswers(lab))) return [];
  const all = await standIns();
  const lines = all.map(({ ref, repository }) => `  ${JSON.stringify(repository)}: ${JSON.stringify(ref)}\n`);
  await appendFile(
    join(runDir(lab.name), 'drover.yml'),
    `# No registry answered when the lab was started.\nimages:\n${lines.join('')}`,
  );
  return all.map(({ ref, repository }) => `No registry answers: ${ref} runs in place of ${repository}.`);
}
