import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface Page {
  /** Relative to the project's folder. */
  readonly path: string;
  readonly text: string;
}

/** Every page of the project, not only those of docs/. */
export const pages: readonly Page[] = ['', '.github', 'docs', 'lab', 'src', 'test', 'tutorials']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: folder !== '', encoding: 'utf8' }).map((path) => join(folder, path)),
  )
  .filter((path) => path.endsWith('.md') && !path.includes('node_modules'))
  .toSorted()
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

/** Pages for users: what they show has to work as it stands there. */
export const userPages: readonly Page[] = pages.filter(
  ({ path }) => path === 'README.md' || path === 'SECURITY.md' || path.startsWith('docs/'),
);

export function pageOf(path: string): Page {
  const page = pages.find((each) => each.path === path);
  if (page === undefined) throw new Error(`there is no page ${path}`);
  return page;
}

export interface Block {
  readonly page: string;
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page, also those inside of a list. */
export function blocksOf({ path, text }: Page): readonly Block[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)].map(([, indent = '', language = '', body = '']) => ({
    page: path,
    language,
    text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** What is neither in a fenced block nor in a comment. */
export const proseOf = ({ text }: Page): string =>
  text.replaceAll(/^( *)```\w*\n[\s\S]*?^\1```$/gm, '').replaceAll(/<!--[\s\S]*?-->/g, '');

/** Pieces of prose between backticks. */
export const inlineCodeOf = (page: Page): readonly string[] =>
  [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
