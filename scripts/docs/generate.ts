import { commandsParts } from './commands.ts';
import { composeParts } from './compose.ts';
import { filesParts } from './files.ts';
import { floorsParts } from './floors.ts';
import { screenParts } from './screen.ts';

/** Texts by the name of the part that they fill. */
export type Parts = Readonly<Record<string, string>>;

/** Every generated part of the documentation, by the page (relative to the project's folder) that has it. */
export function generatedParts(root: string): Readonly<Record<string, Parts>> {
  return {
    'docs/files.md': filesParts(),
    'docs/compose.md': composeParts(),
    'docs/commands.md': commandsParts(),
    'docs/screen.md': screenParts(),
    'src/README.md': floorsParts(root),
  };
}

/**
 * The page with its parts replaced. A part stands between `<!-- generated: NAME -->` and `<!-- end: NAME -->`. Throws
 * if the page lacks a part.
 */
export function replaceParts(page: string, parts: Parts): string {
  return Object.entries(parts).reduce((text, [name, part]) => {
    const [begin, end] = [`<!-- generated: ${name} -->\n`, `<!-- end: ${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end);
    if (from < 0 || to < from) throw new Error(`the page has no place for the generated part "${name}"`);
    return `${text.slice(0, from)}${begin}${part.trimEnd()}\n${text.slice(to)}`;
  }, page);
}
