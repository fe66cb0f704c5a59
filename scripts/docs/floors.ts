import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Parts } from './generate.ts';

/** Folders of src by what each imports; a module directly in src, which puts the others together, is left out. */
export type FolderGraph = ReadonlyMap<string, ReadonlySet<string>>;

/** What stands on each floor of the picture, in a few words. */
const contents: Readonly<Record<string, string>> = {
  model: 'the words of the program as types',
  files: 'reading files with a limit',
  config: 'text of the files -> configuration or problems',
  plan: 'configuration and observation -> steps',
  view: 'events -> what people are shown',
  tutorial: 'pages that lead through themselves',
  engine: 'observe, plan, run; watch; acts',
  node: 'SSH, Docker, ZFS, nftables of a real node',
  simulation: 'nodes in memory: the demo, and for tests',
  cli: 'words -> calls of the engine; events -> lines',
  tui: 'the screen',
};

export function floorsParts(root: string): Parts {
  return { floors: `\`\`\`text\n${drawFloors(readGraph(join(root, 'src')))}\`\`\`` };
}

export function readGraph(src: string): FolderGraph {
  const graph = new Map<string, Set<string>>();
  for (const path of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(path) || !path.includes('/')) continue;
    const own = path.split('/')[0] ?? '';
    const targets = graph.get(own) ?? new Set<string>();
    graph.set(own, targets);
    for (const of of localImports(readFileSync(join(src, path), 'utf8'))) {
      const target = relative(src, resolve(src, dirname(path), of));
      if (target.includes('/') && !target.startsWith('..')) targets.add(target.split('/')[0] ?? '');
    }
    targets.delete(own);
  }
  return graph;
}

/** `import … from`, `export … from` and `import(…)`; types count as well: they have to be known to read the file. */
function localImports(text: string): readonly string[] {
  const statements = /^(?:import|export)\s[^'";]*?from\s+'(\.[^']+)'/gm;
  const dynamic = /\bimport\(\s*'(\.[^']+)'\s*\)/g;
  return [...text.matchAll(statements), ...text.matchAll(dynamic)].map(([, of = '']) => of);
}

/** The highest floor first; a folder stands one floor above the highest one that it imports. */
export function floorsOf(graph: FolderGraph): readonly (readonly string[])[] {
  const heights = new Map<string, number>();
  const heightOf = (folder: string, trail: readonly string[]): number => {
    const known = heights.get(folder);
    if (known !== undefined) return known;
    if (trail.includes(folder)) throw new Error(`folders import each other: ${[...trail, folder].join(' -> ')}`);
    const below = [...(graph.get(folder) ?? [])].map((each) => heightOf(each, [...trail, folder]));
    const height = below.length === 0 ? 0 : Math.max(...below) + 1;
    heights.set(folder, height);
    return height;
  };
  const folders = [...graph.keys()].toSorted();
  const top = Math.max(...folders.map((each) => heightOf(each, [])));
  return Array.from({ length: top + 1 }, (_, floor) => folders.filter((each) => heights.get(each) === top - floor));
}

/** One box for each floor, the folders on it with what they have and what they import. */
export function drawFloors(graph: FolderGraph): string {
  const main = 'main.ts     puts everything together; the only file that reads `process`';
  const floors = floorsOf(graph).map((folders) =>
    folders.map((folder) => rowOf(folder, graph.get(folder) ?? new Set())),
  );
  const width = Math.max(...[main, ...floors.flat()].map(({ length }) => length));
  const rule = `+${'-'.repeat(width + 2)}+\n`;
  const boxes = [[main], ...floors].map((rows) => rows.map((row) => `| ${row.padEnd(width)} |\n`).join(''));
  return `${rule}${boxes.join(rule)}${rule}`;
}

function rowOf(folder: string, targets: ReadonlySet<string>): string {
  const below = [...targets].toSorted();
  const arrow = below.length === 0 ? 'imports nothing' : `-> ${below.join(' ')}`;
  return `${folder.padEnd(12)}${(contents[folder] ?? '').padEnd(48)}${arrow}`;
}
