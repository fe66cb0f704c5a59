import { normalize } from 'node:path/posix';
import { createFileReport, type FileReport } from '../problems.ts';
import { parseEnvFile } from './env-file.ts';
import type { Lookup } from './interpolate.ts';
import type { NamedFileKind, NamedFiles, Reading } from './named-files.ts';

/** The variables and files that an application file may refer to. */
export interface FileContext {
  /** The value in the environment, or else in the env files of the project; undefined if none has it. */
  lookup(name: string): string | undefined;
  /** A file named in the application file, relative to its folder. */
  read(path: string, kind: NamedFileKind): NamedReading;
  /** UTF-8 text, or why it is none; for env files. */
  report(path: string, text: string): FileReport;
  /** Reports of all files that were opened, `.env` first. */
  reports(): readonly FileReport[];
  /** The same for a file in another folder, whose env files come after the variables of this one. */
  within(project: Project): FileContext;
}

/** Where the relative paths of a file begin, and what sets variables for it. */
export interface Project {
  /** Empty, or with a slash at its end. */
  readonly directory: string;
  /** As shown to people, the last one winning; they must exist. Default: `.env` in the folder, if there is one. */
  readonly envFiles?: readonly string[] | undefined;
}

export type NamedReading = Reading & {
  /** As shown to people. */
  readonly path: string;
};

export interface FileContextOptions extends Project {
  readonly home: string | undefined;
  /** Of this process; it goes before `.env`, as in Compose. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For variables that are set nowhere. */
  readonly otherwise?: Lookup | undefined;
  readonly namedFiles: NamedFiles;
}

export function createFileContext({ environment, ...options }: FileContextOptions): FileContext {
  const own = (name: string): string | undefined => (Object.hasOwn(environment, name) ? environment[name] : undefined);
  return createContext({ ...options, outer: own, reports: new Map() });
}

interface ContextOptions extends Omit<FileContextOptions, 'environment'> {
  /** Goes before the env files. */
  readonly outer: Lookup;
  readonly reports: Map<string, FileReport>;
}

function createContext(options: ContextOptions): FileContext {
  const { directory, home, namedFiles, otherwise, outer, reports } = options;
  let values: ReadonlyMap<string, string> | undefined;

  const resolve = (path: string): string => {
    if (home !== undefined && path.startsWith('~/')) return `${home}${path.slice(1)}`;
    return path.startsWith('/') ? path : normalize(`${directory}${path}`);
  };
  const read = (name: string, kind: NamedFileKind): NamedReading => {
    const path = resolve(name);
    return { ...namedFiles.read(path, kind), path };
  };
  const lookup: Lookup = (name) => {
    const given = outer(name);
    if (given !== undefined) return given;
    // Read when a variable is looked for: a file without variables has no use for them.
    values ??= readEnvFiles(options);
    return values.get(name) ?? otherwise?.(name);
  };
  return {
    lookup,
    read,
    report: (path, text) => reportOf(reports, path, text),
    reports: () => [...reports.values()],
    within: (project) =>
      createContext({ ...options, otherwise: undefined, envFiles: undefined, ...project, outer: lookup }),
  };
}

function reportOf(reports: Map<string, FileReport>, path: string, text: string): FileReport {
  const found = reports.get(path) ?? createFileReport(path, text, { hidesText: true });
  reports.set(path, found);
  return found;
}

function readEnvFiles({
  directory,
  envFiles,
  outer,
  namedFiles,
  reports,
}: ContextOptions): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const path of envFiles ?? [`${directory}.env`]) {
    const reading = namedFiles.read(path, 'env');
    if (reading.kind === 'absent' && envFiles === undefined) continue;
    const text = reading.kind === 'bytes' ? decodeText(reading.bytes) : undefined;
    const { report } = reportOf(reports, path, text ?? '');
    if (text === undefined) {
      const why = reading.kind === 'unreadable' ? reading.why : 'it is not UTF-8 text';
      const message = reading.kind === 'absent' ? 'the file does not exist' : `the file cannot be read: ${why}`;
      report({ path: '', message });
      continue;
    }
    const before: Lookup = (name) => outer(name) ?? values.get(name);
    const entries = parseEnvFile(text, before, (finding) => report({ ...finding, path: '' }));
    for (const { name, value } of entries) if (value !== undefined) values.set(name, value);
  }
  return values;
}

/** Undefined where the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
