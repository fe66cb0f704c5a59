/** Images that run in place of official ones where no registry answers. */
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listRecipes } from './images.ts';
import { onNode } from './nodes.ts';
import { runDir } from './paths.mjs';
import type { Lab } from './types.ts';

const LIMIT_SECONDS = 5;

/** Whether node1 reaches the registry of its Docker. */
export async function registryAnswers(lab: Lab): Promise<boolean> {
  if (!lab.wayOut) return false;
  const script = `host=$(docker info -f '{{.IndexServerAddress}}' | sed -E 's,^https?://([^/:]+).*,\\1,')
    timeout ${LIMIT_SECONDS} bash -c "exec 3<>/dev/tcp/$host/443"`;
  const out = await onNode(lab, 1, script, { nothrow: true, limitMs: (LIMIT_SECONDS + 5) * 1000 });
  return out.exitCode === 0;
}

async function standIns() {
  const recipes = await listRecipes();
  return recipes.flatMap(({ ref, standsFor, set }) => standsFor.map((repository) => ({ ref, repository, set })));
}

const nodesFile = (lab: Lab) => join(runDir(lab.name), 'drover.yml');

/** Whether the lab's drover.yml names images that run in place of others. */
export const hasSubstitutes = async (lab: Lab): Promise<boolean> =>
  /^images:/m.test(await readFile(nodesFile(lab), 'utf8'));

/** Adds `images:` to the lab's drover.yml; resolves to lines to print, none where it has the key already. */
export async function substituteImages(lab: Lab): Promise<readonly string[]> {
  if (await hasSubstitutes(lab)) return [];
  const all = await standIns();
  const lines = all.map(({ ref, repository }) => `  ${JSON.stringify(repository)}: ${JSON.stringify(ref)}\n`);
  await appendFile(nodesFile(lab), `# No registry answered when this was written.\nimages:\n${lines.join('')}`);
  return all.map(({ ref, repository, set }) => {
    const first = set === undefined ? '' : ` once \`npm run lab -- images ${set}\` has built it`;
    return `No registry answers: ${ref} runs in place of ${repository}${first}.`;
  });
}
