import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../src', import.meta.url));

interface Import {
  readonly of: string;
  readonly typeOnly: boolean;
}
interface SourceFile {
  /** Relative to src. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const files: readonly SourceFile[] = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name))
  .map((path) => {
    const text = readFileSync(path, 'utf8');
    return { path: relative(src, path), text, imports: importsOf(text) };
  })
  .toSorted((a, b) => (a.path < b.path ? -1 : 1));

/** `import … from`, `export … from`, `import '…'` and `import('…')`; comments and strings do not begin a line with them. */
function importsOf(text: string): readonly Import[] {
  const statements = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
  const dynamic = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
  return [
    ...[...text.matchAll(statements)].map(([, type, of = '']) => ({ of, typeOnly: type !== undefined })),
    ...[...text.matchAll(dynamic)].map(([, of = '']) => ({ of, typeOnly: false })),
  ];
}

/** The first folder; the cluster in memory has rules of its own inside the simulation that uses it. */
const folderOf = (path: string): string =>
  path.startsWith('simulation/memory/') ? 'simulation/memory' : path.includes('/') ? (path.split('/')[0] ?? '') : path;
const isLocal = ({ of }: Import): boolean => of.startsWith('.');
const target = (file: SourceFile, { of }: Import): string => relative(src, resolve(src, dirname(file.path), of));
const packageOf = (of: string): string =>
  of
    .split('/')
    .slice(0, of.startsWith('@') ? 2 : 1)
    .join('/');

/** Which folders each folder may import; `types` only as types. */
const allowed: Readonly<Record<string, { readonly values: readonly string[]; readonly types: readonly string[] }>> = {
  model: { values: [], types: [] },
  files: { values: ['model'], types: [] },
  config: { values: ['model', 'files'], types: [] },
  plan: { values: ['model'], types: [] },
  view: { values: ['model'], types: [] },
  tutorial: { values: ['model', 'config', 'view'], types: [] },
  engine: { values: ['model', 'config', 'plan', 'view'], types: [] },
  node: { values: ['model', 'files'], types: ['engine'] },
  cli: { values: ['model', 'files', 'config', 'view', 'tutorial'], types: ['engine'] },
  tui: { values: ['model', 'view'], types: ['engine', 'tutorial'] },
  'simulation/memory': { values: ['model', 'node'], types: ['engine'] },
};

/**
 * Where everything is put together, so that nothing else has to know everything: main.ts for the program, tui-main.ts
 * for its screen, tutorial-main.ts for tutorials, and the folder simulation for simulated nodes. They are separate files
 * because main.ts loads the others only when they are needed. They may import anything; only they may import each other.
 */
const compositions: readonly string[] = ['main.ts', 'tui-main.ts', 'tutorial-main.ts', 'simulation'];

/** The one folder that may know a package. */
const homes: Readonly<Record<string, string>> = {
  dockerode: 'node',
  'docker-modem': 'node',
  ssh2: 'node',
  'tar-stream': 'node',
  'js-yaml': 'config',
  chokidar: 'engine',
  commander: 'cli',
  ink: 'tui',
  react: 'tui',
  'string-width': 'tui',
};

function wrongImports(file: SourceFile): readonly string[] {
  const own = folderOf(file.path);
  const rule = allowed[own];
  if (rule === undefined) return [];
  return file.imports.filter(isLocal).flatMap((each) => {
    const folder = folderOf(target(file, each));
    const fine = folder === own || rule.values.includes(folder) || (each.typeOnly && rule.types.includes(folder));
    return fine ? [] : [`${file.path} imports ${each.of}`];
  });
}

describe('the architecture', () => {
  it('sees the sources', () => {
    expect(files.length).toBeGreaterThan(20);
    expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(50);
  });

  it('has only folders with a rule, and what puts everything together', () => {
    const known = [...Object.keys(allowed), ...compositions];
    expect(files.filter(({ path }) => !known.includes(folderOf(path))).map(({ path }) => path)).toEqual([]);
  });

  it('has imports in one direction only: model <- config, plan, view <- engine <- node, cli, tui <- main', () => {
    expect(files.flatMap(wrongImports)).toEqual([]);
  });

  it('loads the simulation only when it is asked for, and only where things are put together', () => {
    const isSimulation = (path: string): boolean => path.startsWith('simulation/');
    const importers = files.filter(
      (file) =>
        !isSimulation(file.path) && file.imports.some((each) => isLocal(each) && isSimulation(target(file, each))),
    );
    expect(importers.map(({ path }) => path)).toContain('main.ts');
    expect(importers.filter(({ path }) => !compositions.includes(path))).toEqual([]);
    for (const { text } of importers) expect(text).not.toMatch(/^import\s(?!type\s)[^;]*from '\.\/simulation/m);
    expect(importers[0]?.text).toContain("(await import('./simulation/demo.ts'))");
  });

  it('notices a wrong import', () => {
    const text = `import { createEngine } from '../engine/engine.ts';\nimport type { Engine } from '../engine/types.ts';\n`;
    const made = { path: 'cli/made-up.ts', text, imports: importsOf(text) };
    expect(wrongImports(made)).toEqual(['cli/made-up.ts imports ../engine/engine.ts']);
  });

  it('keeps model, plan, view and tutorial free of packages and of Node.js, but for node:crypto and one use of node:events', () => {
    const pure = files.filter(({ path }) => ['model', 'plan', 'view', 'tutorial'].includes(folderOf(path)));
    // Signals are listened to in cli, engine and node, and the limit of their listeners is explained in one place that
    // all three may import; only model is.
    const allowedIn = (path: string): readonly string[] =>
      path === 'model/many-listeners.ts' ? ['node:events'] : ['node:crypto'];
    const outside = pure.flatMap(({ path, imports }) =>
      imports
        .filter((each) => !isLocal(each) && !allowedIn(path).includes(each.of))
        .map(({ of }) => `${path} imports ${of}`),
    );
    expect(outside).toEqual([]);
  });

  it('has one folder for each package, and no package without a folder', () => {
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .filter((each) => !isLocal(each) && !each.of.startsWith('node:'))
        .filter(({ of }) => homes[packageOf(of)] !== folderOf(path))
        .map(({ of }) => `${path} imports ${of}`),
    );
    expect(wrong).toEqual([]);
  });

  it('reads process in main.ts only', () => {
    const readers = files.filter(({ path, text }) => path !== 'main.ts' && readsProcess(text));
    expect(readers.map(({ path }) => path)).toEqual([]);
  });

  it('notices a file that reads process, also in a template literal, and no property or comment of that name', () => {
    for (const text of [
      'const { env } = process;',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: source text of a template literal.
      'a(`${path}.${process.pid}.tmp`);',
      'f(process);',
      'process.exit(1);',
    ]) {
      expect([text, readsProcess(text)]).toEqual([text, true]);
    }
    for (const text of [
      '// process.env',
      'const s = "process.env";',
      'a(mount.process);',
      'const process = f(); g(process.x);',
    ]) {
      expect([text, readsProcess(text)]).toEqual([text, false]);
    }
  });

  it('cleans text for a terminal in one place, and makes it ready where it is painted', () => {
    const makers = files.filter(({ text }) => /\bas Printed\b/.test(text)).map(({ path }) => path);
    expect(makers).toEqual(['cli/style.ts', 'config/problems.ts', 'model/plain-text.ts']);
    const cleaners = files.filter(({ text }) => /\.replace\(\/[^\n]*\\(?:x1f|u001f|u001b|u202[a-e])/.test(text));
    expect(
      cleaners.map(({ path }) => path).filter((path) => !/^tui\/(?:terminal|text|frame\/picture)/.test(path)),
    ).toEqual([]);
  });

  it('has no default exports and no barrels', () => {
    const wrong = files.filter(
      ({ path, text }) => /^export\s+default\b/m.test(text) || /^export\s+\*/m.test(text) || path.endsWith('/index.ts'),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('has no file of more than 400 lines', () => {
    const long = files.filter(({ text }) => text.trimEnd().split('\n').length > 400);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it('has no function of more than 70 lines', () => {
    expect(files.flatMap(({ path, text }) => longFunctions(text, path).map((each) => `${path}: ${each}`))).toEqual([]);
  });

  it('notices a long function of each form', () => {
    const body = '{\n'.padEnd(71, '\n');
    const long = [
      `function a() ${body}}`,
      `const b = () => ${body}};`,
      `const c = () => (${body}});`,
      `const d = { e() ${body}} };`,
      `class F { g() ${body}} }`,
      `f(function h() ${body}});`,
    ];
    expect(long.flatMap((text) => longFunctions(text, 'a.ts'))).toEqual([
      'a (71)',
      'b (71)',
      'c (71)',
      'e (71)',
      'g (71)',
      'h (71)',
    ]);
    expect(long.flatMap((text) => longFunctions(text.replace('\n', ''), 'a.ts'))).toEqual([]);
  });

  it('has no import cycles', () => {
    expect(cyclesIn(new Map(files.map((file) => [file.path, localTargets(file)])))).toEqual([]);
  });

  it('notices an import cycle', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ]);
    expect(cyclesIn(graph)).toEqual(['a -> b -> c -> a']);
  });
});

/** Types count as well: a cycle of types is as hard to read. */
const localTargets = (file: SourceFile): readonly string[] =>
  file.imports.filter(isLocal).map((each) => target(file, each));

/** Whether the text refers to the global `process`: parsed, because comments and strings name it as well. */
function readsProcess(text: string): boolean {
  if (!/\bprocess\b/.test(text)) return false;
  let isRead = false;
  let isDeclared = false;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === 'process') {
      const { parent } = node;
      const isName = 'name' in parent && parent.name === node;
      if (ts.isVariableDeclaration(parent) || ts.isBindingElement(parent) || ts.isParameter(parent)) {
        isDeclared ||= isName;
        isRead ||= !isName;
      } else if (ts.isShorthandPropertyAssignment(parent)) isRead = true;
      else isRead ||= !isName;
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.tsx', text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX));
  return isRead && !isDeclared;
}

/** Declarations, methods and arrows with more than 70 lines, with their length; a signature counts as well. */
function longFunctions(text: string, path: string): readonly string[] {
  if (text.split('\n').length <= 70) return [];
  // By the file's own kind: `<T>(…) => …` begins an element in a .tsx file.
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const length = lineOf(node.end) - lineOf(node.getStart(source)) + 1;
      const name = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
      if (length > 70) found.push(`${name?.getText(source) ?? 'a function'} (${length})`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}
