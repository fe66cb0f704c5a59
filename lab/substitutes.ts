/** Which images run in place of official ones: where no registry answers, and said aloud. */
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listRecipes } from './images.mjs';
import { onNode } from './nodes.mjs';
import { runDir } from './paths.mjs';

const LIMIT_SECONDS = 5;

/** Asks node1 whether it reaches the registry its own Docker would ask. */
export async function registryAnswers(lab) {
  if (!lab.wayOut) return false;
  const script = `host=$(docker info -f '{{.IndexServerAddress}}' | sed -E 's,^https?://([^/:]+).*,\\1,')
    timeout ${LIMIT_SECONDS} bash -c "exec 3<>/dev/tcp/$host/443"`;
  const out = await onNode(lab, 1, script, { nothrow: true, limit: `${LIMIT_SECONDS + 5}s` });
  return out.exitCode === 0;
}

async function standIns() {
  const recipes = await listRecipes();
  return recipes.flatMap(({ ref, standsFor, set }) => standsFor.map((repository) => ({ ref, repository, set })));
}

const nodesFile = (lab) => join(runDir(lab.name), 'drover.yml');

/** Whether the lab's drover.yml names images that run in place of others. */
export const hasSubstitutes = async (lab) => /^images:/m.test(await readFile(nodesFile(lab), 'utf8'));

/** Adds `images:` to the lab's drover.yml; returns what to tell, nothing where it was there already. */
export async function substituteImages(lab) {
  if (await hasSubstitutes(lab)) return [];
  const all = await standIns();
  const lines = all.map(({ ref, repository }) => `  ${JSON.stringify(repository)}: ${JSON.stringify(ref)}\n`);
  await appendFile(nodesFile(lab), `# No registry answered when this was written.\nimages:\n${lines.join('')}`);
  return all.map(({ ref, repository, set }) => {
    const first = set === undefined ? '' : ` once \`npm run lab -- images ${set}\` has made it`;
    return `No registry answers: ${ref} runs in place of ${repository}${first}.`;
  });
}
