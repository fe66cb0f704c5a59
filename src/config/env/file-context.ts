import { createFileReport, type FileReport } from '../problems.ts';
import { parseEnvFile } from './env-file.ts';
import type { NamedFileKind, NamedFiles, Reading } from './named-files.ts';

/** The variables and files that an application file may refer to. */
export interface FileContext {
  /** The value in the environment, or else in `.env` next to the file; undefined if neither has it. */
  lookup(name: string): string | undefined;
  /** A file named in the application file, relative to its folder. */
  read(path: string, kind: NamedFileKind): NamedReading;
  /** UTF-8 text, or why it is none; for env files. */
  report(path: string, text: string): FileReport;
  /** Reports of all files that were opened, `.env` first. */
  reports(): readonly FileReport[];
}

export type NamedReading = Reading & {
  /** As shown to people. */
  readonly path: string;
};

export interface FileContextOptions {
  /** Of the application file, empty or with a slash at its end. */
  readonly directory: string;
  readonly home: string | undefined;
  /** Of this process; it goes before `.env`, as in Compose. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly namedFiles: NamedFiles;
}

export function createFileContext({ directory, home, environment, namedFiles }: FileContextOptions): FileContext {
  const reports = new Map<string, FileReport>();
  let dotEnv: ReadonlyMap<string, string> | undefined;

  const own = (name: string): string | undefined => (Object.hasOwn(environment, name) ? environment[name] : undefined);
  const resolve = (path: string): string => {
    if (home !== undefined && path.startsWith('~/')) return `${home}${path.slice(1)}`;
    return path.startsWith('/') ? path : `${directory}${path.replace(/^(?:\.\/+)+/, '')}`;
  };
  const reportOf = (path: string, text: string): FileReport => {
    const found = reports.get(path) ?? createFileReport(path, text, { hidesText: true });
    reports.set(path, found);
    return found;
  };
  const read = (name: string, kind: NamedFileKind): NamedReading => {
    const path = resolve(name);
    return { ...namedFiles.read(path, kind), path };
  };
  /** Read when the first variable is looked for: a file without variables has no use for it. */
  const readDotEnv = (): ReadonlyMap<string, string> => {
    const reading = read('.env', 'env');
    const { path } = reading;
    if (reading.kind === 'absent') return new Map();
    const text = reading.kind === 'bytes' ? decodeText(reading.bytes) : undefined;
    const { report } = reportOf(path, text ?? '');
    if (text === undefined) {
      const why = reading.kind === 'unreadable' ? reading.why : 'it is not UTF-8 text';
      report({ path: '', message: `the file cannot be read: ${why}` });
      return new Map();
    }
    const values = new Map<string, string>();
    for (const { name, value } of parseEnvFile(text, own, (finding) => report({ ...finding, path: '' }))) {
      if (value !== undefined) values.set(name, value);
    }
    return values;
  };
  return {
    lookup(name) {
      dotEnv ??= readDotEnv();
      return own(name) ?? dotEnv.get(name);
    },
    read,
    report: reportOf,
    reports: () => [...reports.values()],
  };
}

/** Undefined where the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
