/** images [SET…]: builds the images that only a tutorial needs, and imports them into the running nodes. */

import { withStage } from '../../scripts/progress.mjs';
import { LabError, UsageError } from '../errors.mjs';
import { buildSet, importMissing, type ListedRecipe, listRecipes } from '../images.ts';
import { pidOf } from '../machine.ts';
import { indexesOf } from '../nodes.ts';
import { labName, requireLab, withLab } from '../store.ts';
import { hasSubstitutes, registryAnswers, substituteImages } from '../substitutes.ts';
import type { Lab, Values } from '../types.ts';

const IMPORT_MS = 60_000;

function printList(recipes: readonly ListedRecipe[]): void {
  const rows = recipes.map(({ ref, standsFor, set }): [string, string, string] => [
    set ?? '(always there)',
    ref,
    standsFor.length === 0 ? '' : `in place of ${standsFor.join(', ')}`,
  ]);
  const setWidth = Math.max(...rows.map(([set]) => set.length));
  const refWidth = Math.max(...rows.map(([, ref]) => ref.length));
  for (const [set, ref, what] of rows)
    process.stdout.write(`${`${set.padEnd(setWidth)}  ${ref.padEnd(refWidth)}  ${what}`.trimEnd()}\n`);
}

async function importSet(lab: Lab, set: string, names: readonly string[]): Promise<void> {
  const images = await buildSet(set, names);
  await withStage(`importing the images of "${set}"`, IMPORT_MS, async (stage) => {
    const imported = await Promise.all(
      indexesOf(lab).map((index) => importMissing(lab, index, images, (ref) => stage.update(`${ref} on node${index}`))),
    );
    stage.done(imported.flat().length === 0 ? 'every node has them' : '');
  });
  const list = images.map(({ ref }) => ref).join(', ');
  process.stdout.write(`The nodes of the lab "${lab.name}" have ${list}.\n`);
}

export async function images(values: Values, words: readonly string[]): Promise<void> {
  const recipes = await listRecipes();
  const sets = [...new Set(recipes.flatMap(({ set }) => set ?? []))];
  if (words.length === 0) return printList(recipes);
  const unknown = words.find((word: string) => !sets.includes(word));
  if (unknown !== undefined)
    throw new UsageError(`unknown set of images "${unknown}"; the sets are ${sets.join(', ')}.`);
  // --build is for machines that later reach no network.
  if (values.build) {
    for (const set of new Set(words)) await buildSet(set);
    return;
  }
  const name = labName(values);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const off = indexesOf(lab).find((index) => !pidOf(lab, index));
    if (off !== undefined) throw new LabError(`node${off} is off; \`npm run lab -- up\` starts it.`);
    // The nodes file decides, also where a registry answers or fails only since the lab was started.
    const hasRegistry = !(await hasSubstitutes(lab)) && (await registryAnswers(lab));
    if (hasRegistry) process.stdout.write('A registry answers: the nodes pull the images that it has.\n');
    else for (const line of await substituteImages(lab)) process.stdout.write(`${line}\n`);
    for (const set of new Set(words)) {
      const names = recipes
        .filter((recipe) => recipe.set === set && (!hasRegistry || recipe.standsFor.length === 0))
        .map((recipe) => recipe.name);
      if (names.length > 0) await importSet(lab, set, names);
    }
  });
}
