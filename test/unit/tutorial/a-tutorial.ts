import { readPage } from '../../../src/tutorial/read-page.ts';
import type { ReaderPlace } from '../../../src/tutorial/reader-place.ts';
import type { Tutorial } from '../../../src/tutorial/types.ts';

/** A page with all there can be on one. */
export const page = `<!-- acceptance test: x -->
<!-- drover-tutorial:
about: a small one
minutes: 3
learnt: [this, that]
nodes: {alpha: 10.0.0.1, beta: 10.0.0.2}
-->
# A page

Read [this](there.md) first.

## What you need

Two nodes.

## Part 1: first

Here \`wiki\` runs,
on **alpha**.

<!-- drover: {title: it runs, check: [{running: wiki, on: alpha}, {converged: true}], hint: wait} -->
\`\`\`console
$ npm run -s drover -- apply -C tutorials/small/1
…
converged…
$ node tutorials/small/ask.mjs alpha 'a b'
none
\`\`\`

Like so:

\`\`\`yaml
nodes:
\`\`\`

<!-- drover: {title: it moves, check: [{running: wiki, on: beta}, {stopped: wiki, on: alpha}]} -->
\`\`\`console
$ npm run -s drover -- move wiki beta -C tutorials/small/1
converged…
\`\`\`

That was it.

## Part 2: second

<!-- drover:
title: it answers
check:
- {answers: 8080, through: [alpha, beta]}
- {owned: wiki, by: beta}
- {prints: "node tutorials/small/ask.mjs beta"}
-->
\`\`\`console
$ npm run -s drover -- apply -C tutorials/small/2
…
$ node tutorials/small/ask.mjs beta
yes
\`\`\`
`;

/** The page as a tutorial. */
export function aTutorial(): Tutorial {
  const read = readPage(page, 'tutorials/small/README.md', 'small');
  if (read?.ok !== true) throw new Error(JSON.stringify(read));
  return read.tutorial;
}

/** A reader in the project's folder, or elsewhere with a copy. */
export const aPlace = (isAtHome = true): ReaderPlace => ({
  isAtHome,
  packageFolder: isAtHome ? '.' : '/opt/drover',
  folderOf: (folder) => (isAtHome ? folder : folder.replace('tutorials/small', 'mine')),
  starts: { drover: ['node', 'drover.js'], lab: ['node', 'bootstrap.mjs', 'lab'], node: ['node'] },
});
