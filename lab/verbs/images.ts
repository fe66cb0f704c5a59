/** images [SET…]: what a tutorial needs and the saved state has not, built and given to the running nodes. */
import { LabError, UsageError } from '../errors.mjs';
import { buildSet, importMissing, listRecipes } from '../images.mjs';
import { pidOf } from '../machine.mjs';
import { indexesOf } from '../nodes.mjs';
import { progress } from '../progress.mjs';
import { labName, requireLab, withLab } from '../store.mjs';
import { hasSubstitutes, registryAnswers, substituteImages } from '../substitutes.mjs';

const IMPORT_MS = 60_000;

function tell(recipes) {
  const rows = recipes.map(({ ref, standsFor, set }) => [
    set ?? '(always there)',
    ref,
    standsFor.length === 0 ? '' : `in place of ${standsFor.join(', ')}`,
  ]);
  const wide = (column) => Math.max(...rows.map((row) => row[column].length));
  const widths = [wide(0), wide(1)];
  for (const [set, ref, what] of rows)
    process.stdout.write(`${`${set.padEnd(widths[0])}  ${ref.padEnd(widths[1])}  ${what}`.trimEnd()}\n`);
}

async function give(lab, set, names) {
  const images = await buildSet(set, names);
  const stage = progress.stage(`importing the images of "${set}"`, { expectedMs: IMPORT_MS });
  try {
    const imported = await Promise.all(
      indexesOf(lab).map((index) => importMissing(lab, index, images, (ref) => stage.update(`${ref} on node${index}`))),
    );
    stage.done(imported.flat().length === 0 ? 'every node has them' : '');
  } catch (error) {
    stage.fail();
    throw error;
  }
  const list = images.map(({ ref }) => ref).join(', ');
  process.stdout.write(`The nodes of the lab "${lab.name}" have ${list}.\n`);
}

/** `--build` serves those who will be where nothing can be fetched. */
export async function images(values, words) {
  const recipes = await listRecipes();
  const sets = [...new Set(recipes.flatMap(({ set }) => set ?? []))];
  if (words.length === 0) return tell(recipes);
  const unknown = words.find((word) => !sets.includes(word));
  if (unknown !== undefined) throw new UsageError(`"${unknown}" is no set of images; there are ${sets.join(', ')}.`);
  if (values.build) {
    for (const set of new Set(words)) await buildSet(set);
    return;
  }
  const name = labName(values);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const off = indexesOf(lab).find((index) => !pidOf(lab, index));
    if (off !== undefined) throw new LabError(`node${off} is off; \`npm run lab -- up\` starts it.`);
    // What the nodes file says holds, also where a registry has come or gone since the lab was started.
    const hasRegistry = !(await hasSubstitutes(lab)) && (await registryAnswers(lab));
    if (hasRegistry) process.stdout.write('A registry answers: the nodes take the images that it has from there.\n');
    else for (const line of await substituteImages(lab)) process.stdout.write(`${line}\n`);
    for (const set of new Set(words)) {
      const names = recipes
        .filter((recipe) => recipe.set === set && (!hasRegistry || recipe.standsFor.length === 0))
        .map((recipe) => recipe.name);
      if (names.length > 0) await give(lab, set, names);
    }
  });
}
