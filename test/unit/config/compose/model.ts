import { type ComposeOptions, readComposeModel } from '../../../../src/config/compose/compose-model.ts';
import { folderOf } from '../../../../src/config/compose/paths.ts';
import { createFileContext } from '../../../../src/config/env/file-context.ts';
import { createNamedFiles, type NamedFileKind, requestKey } from '../../../../src/config/env/named-files.ts';
import { rootPlace } from '../../../../src/config/fields.ts';
import { createFileReport, type FileReport } from '../../../../src/config/problems.ts';
import { parseYaml } from '../../../../src/config/yaml/parse-yaml.ts';
import type { YamlNode } from '../../../../src/config/yaml/yaml-node.ts';

/** Files by their paths, and texts of YAML. */
export type Files = Readonly<Record<string, string>>;

const kinds: readonly NamedFileKind[] = ['compose', 'env', 'secret', 'config'];

/** What is on the disk, for a program that reads nothing. */
export const onDisk = (files: Files) =>
  createNamedFiles(
    new Map(
      Object.entries(files).flatMap(([path, text]) =>
        kinds.map((kind) => [requestKey({ path, kind }), { kind: 'bytes', bytes: Buffer.from(text) }] as const),
      ),
    ),
  );

export interface ReadOptions extends Partial<Omit<ComposeOptions, 'reporting'>> {
  readonly environment?: Readonly<Record<string, string>>;
  readonly envFiles?: readonly string[];
}

/** The model of the first file as plain values, and what was reported: `file:line:column path: message`. */
export function readModel(files: Files, options: ReadOptions = {}) {
  const [path = '', text = ''] = Object.entries(files)[0] ?? [];
  const { root, problems } = parseYaml(text);
  if (root === undefined || problems.length > 0) throw new Error(`${path}: ${problems[0]?.message ?? 'is empty'}`);
  const first = createFileReport(path, text);
  const reports: FileReport[] = [first];
  const namedFiles = onDisk(files);
  const { environment = {}, envFiles } = options;
  const context = createFileContext({
    directory: folderOf(path),
    home: '/home/anna',
    environment,
    envFiles,
    namedFiles,
  });
  const model = readComposeModel({ path, root: rootPlace(root, first.report) }, context, namedFiles, {
    ...options,
    reporting: (file) => {
      reports.push(file);
      return file.report;
    },
  });
  const all = [...reports, ...context.reports()];
  const said = (list: ReturnType<FileReport['problems']>) =>
    list.map(({ file, line, column, path: at, message }) => `${file}:${line}:${column} ${at}: ${message}`);
  return {
    value: model.root === undefined ? undefined : plain(model.root.node),
    disabled: Object.fromEntries(model.disabled),
    problems: said(all.flatMap((file) => file.problems())),
    notes: said(all.flatMap((file) => file.notes())),
    asked: namedFiles.asked().map(({ path: asked }) => asked),
  };
}

/** The model; throws with the problems where there are any. */
export function modelOf(files: Files, options: ReadOptions = {}) {
  const { value, problems } = readModel(files, options);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return value as { readonly services: Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>>;
}

/** One service `a` in two files; what becomes of it. */
export const mergedService = (base: string, over: string): unknown =>
  modelOf({ 'compose.yaml': serviceA(base), 'over.yaml': serviceA(over) }, { overrides: ['over.yaml'] }).services.a;

/** A file with one service `a`; the text has its keys. */
export const serviceA = (keys: string): string => `services:\n  a:\n${keys.replace(/^(?=.)/gm, '    ')}\n`;

function plain(node: YamlNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key.source, plain(value)]));
}
