import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inlineCodeOf, type Page, pageOf, root } from './pages.ts';

/** Titles of tests that a page names: `- [path](../path): "title", "title"`. */
const namedTests = [
  ...pageOf('docs/guarantees.md').text.matchAll(/^- \[`?(test\/[^\]`]+)`?\]\([^)]+\)((?::| and).*)$/gm),
].map(([, path = '', rest = '']) => ({
  path,
  titles: [...rest.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
}));

/** True where a test or a group of tests of this text has exactly this title; `…` stands for what a template fills in. */
function hasTitle(text: string, title: string): boolean {
  const titles = [
    ...text.matchAll(/\b(?:it|test|describe)(?:\.\w+\([^)]*\))?\(\s*(?:'((?:[^'\\]|\\.)*)'|"([^"]*)"|`([^`]*)`)/g),
  ].map(([, single, double, template]) =>
    (single ?? double ?? template ?? '').replaceAll(/\$\{[^}]*\}/g, '…').replaceAll("\\'", "'"),
  );
  return titles.includes(title);
}

describe('the promises of docs/guarantees.md', () => {
  it('each name tests', () => {
    const sections = pageOf('docs/guarantees.md').text.split(/^## /m).slice(1);
    expect(sections.length).toBeGreaterThan(10);
    const bare = sections.filter((section) => !/^- \[`?test\//m.test(section) && !section.startsWith('Not promised'));
    expect(bare.map((section) => section.split('\n')[0])).toEqual([]);
  });

  it('name tests that exist, by titles that they have', () => {
    expect(namedTests.length).toBeGreaterThan(20);
    const wrong = namedTests.flatMap(({ path, titles }) => {
      if (!existsSync(join(root, path))) return [`there is no ${path}`];
      const text = readFileSync(join(root, path), 'utf8');
      if (titles.length === 0) return [`${path}: no title is named`];
      return titles.filter((title) => !hasTitle(text, title)).map((title) => `${path} has no test "${title}"`);
    });
    expect(wrong).toEqual([]);
  });
});

/** Not the cluster in memory: what it says is no message of a real node. */
const sources = ['src', 'test/golden', 'lab', 'host']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(root, folder, path)),
  )
  .filter((path) => /\.(?:tsx?|txt|sh)$/.test(path) && !path.includes('src/simulation/'))
  .map((path) => readFileSync(path, 'utf8'));

/** Names of all files of src, for a page that names one without its folder. */
const sourceNames = new Set(
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((path) => basename(path)),
);

/** Messages that the page explains: what stands between backticks in a heading of the third level. */
const messages = [...pageOf('docs/troubleshooting.md').text.matchAll(/^### `(.+)`$/gm)].map(([, text = '']) => text);

/** How far apart two pieces of one message may be in a source: what stands between them is filled in. */
const gap = 300;

/**
 * True where one source has every piece of the message, in its order. `…` and quoted names stand for what is filled in;
 * a piece is what stands between them.
 */
function isSaid(message: string): boolean {
  const pieces = message
    .split(/"…"|…/)
    .map((piece) => piece.trim())
    .filter((piece) => piece.replaceAll(/[^a-z]/gi, '').length > 2);
  const pattern = new RegExp(
    pieces.map((piece) => piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join(`[\\s\\S]{0,${gap}}?`),
  );
  return pieces.length > 0 && sources.some((text) => pattern.test(text));
}

describe('the messages of docs/troubleshooting.md', () => {
  it('are what drover says', () => {
    expect(messages.length).toBeGreaterThan(20);
    expect(messages.filter((message) => !isSaid(message))).toEqual([]);
  });

  it('are noticed when drover says something else', () => {
    expect(isSaid('cannot log in to "…": no key is welcome')).toBe(false);
    expect(isSaid('cannot log in to …: no key is accepted')).toBe(true);
  });
});

const developerPages = [
  'CONTRIBUTING.md',
  'src/README.md',
  'src/engine/README.md',
  'src/plan/README.md',
  'src/tui/README.md',
];

/** Paths of files that a page names, with or without backticks, and folders between backticks: `engine/run/locks.ts`. */
function pathsIn(page: Page): readonly string[] {
  const files = [...page.text.matchAll(/(?<![\w/.*-])((?:[\w-]+\/)*[\w-]+\.(?:tsx?|mjs|sh))\b/g)].map(
    ([, path = '']) => path,
  );
  const folders = inlineCodeOf(page).filter((code) => /^(?:[\w-]+\/)+$/.test(code));
  // `parts/NAME.ts` stands for any.
  return [...files, ...folders].filter((path) => !/[A-Z]{2}/.test(path));
}

/** True for a path below the project, src, the page's own folder, or for the bare name of a file of src. */
function isThere(page: Page, path: string): boolean {
  const folders = ['', 'src', 'src/config/schema', dirname(page.path)];
  return sourceNames.has(path) || folders.some((folder) => existsSync(join(root, folder, path)));
}

describe('the pages for developers', () => {
  const named = developerPages.map(pageOf).flatMap((page) => pathsIn(page).map((path) => ({ page, path })));

  it('name files that exist', () => {
    expect(named.length).toBeGreaterThan(100);
    expect(
      named.filter(({ page, path }) => !isThere(page, path)).map(({ page, path }) => `${page.path}: ${path}`),
    ).toEqual([]);
  });

  it('are noticed when a file is gone', () => {
    const page = { path: 'src/plan/README.md', text: 'See `no/such.ts`, world.ts, and vanished.ts in `nowhere/`.' };
    expect(pathsIn(page).filter((path) => !isThere(page, path))).toEqual(['no/such.ts', 'vanished.ts', 'nowhere/']);
  });
});
