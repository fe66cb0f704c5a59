import type { ConfigProblem } from '../model/config.ts';
import { type Printed, plainText, visibleText } from '../model/plain-text.ts';
import { indexText, type TextIndex } from './yaml/text-position.ts';
import type { YamlScalar } from './yaml/yaml-node.ts';

/** One problem while a file is read. */
export interface Finding {
  /** Absent where no position makes sense. */
  readonly offset?: number;
  readonly path: string;
  readonly message: string;
  readonly hint?: Hint;
  /** A note: the file is used all the same. */
  readonly isNote?: true;
}

/** What to do about it, and the edit that does it, if that is certain. */
export interface Advice {
  readonly hint: string;
  readonly edit?: TextFix;
}

/** May be worked out late, for those findings that are shown. */
export type Hint = string | Advice | (() => string | Advice | undefined);

export type Report = (finding: Finding) => void;

/** Collects the findings of one file. */
export interface FileReport {
  readonly report: Report;
  /** So many problems that nothing more is learned from the file. */
  isFull(): boolean;
  /** In the order of the file, with lines, columns and frames. */
  problems(): ConfigProblem[];
  /** Notes, without frames. */
  notes(): ConfigProblem[];
}

export interface ReportOptions {
  /** The file holds secrets: no line of it is shown. */
  readonly hidesText?: true;
}

/** Most problems that are listed for one file; the rest is counted. */
const maxShown = 100;
/** A file with so many problems, or notes, is read no further. */
const maxKept = 10_000;

/** A collector for the file called `file` (as shown to people) with this text. */
export function createFileReport(file: string, text: string, options: ReportOptions = {}): FileReport {
  // Collected separately, so that many notes never displace a problem.
  const problems = new Map<string, Finding>();
  const notes = new Map<string, Finding>();
  const report: Report = (finding) => {
    const kept = finding.isNote === true ? notes : problems;
    // One place reached through several aliases is one problem.
    if (kept.size < maxKept) kept.set(`${finding.offset ?? ''} ${finding.message}`, finding);
  };
  return {
    report,
    isFull: () => problems.size >= maxKept,
    problems: () => finish(file, text, [...problems.values()], options.hidesText !== true),
    notes: () => finish(file, text, [...notes.values()], false),
  };
}

function finish(file: string, text: string, findings: Finding[], isFramed: boolean): ConfigProblem[] {
  if (findings.length === 0) return [];
  const index = indexText(text);
  const sorted = findings.sort((a, b) => (a.offset ?? -1) - (b.offset ?? -1) || compareText(a.path, b.path));
  const problems = sorted.slice(0, maxShown).map((finding): ConfigProblem => {
    const { hint, edit } = adviceOf(finding);
    const isSecret = finding.offset !== undefined && index.isSecret(finding.offset);
    const fix = edit === undefined ? undefined : fixOf(text, index, edit, isSecret);
    return {
      file,
      ...(finding.offset === undefined ? {} : index.position(finding.offset)),
      path: finding.path,
      message: isSecret ? withoutValue(finding.message) : finding.message,
      ...(hint === undefined ? {} : { hint }),
      ...(finding.offset === undefined || text === '' || !isFramed ? {} : { frame: index.frame(finding.offset) }),
      ...(fix === undefined ? {} : { fix }),
    };
  });
  const more = sorted.length - problems.length;
  const atLeast = sorted.length >= maxKept ? 'at least ' : '';
  if (more > 0) problems.push({ file, path: '', message: `has ${atLeast}${more} more problems` });
  return problems;
}

function adviceOf({ hint }: Finding): Partial<Advice> {
  const advice = typeof hint === 'function' ? hint() : hint;
  return typeof advice === 'string' ? { hint: advice } : (advice ?? {});
}

/** `not the text "…"`, `not the number …`: what is wrong is said without the value, which may be a password. */
const withoutValue = (message: string): string =>
  message.replace(/\bthe (text|number) (?:"(?:[^"\\]|\\.)*"|\S+)/g, 'a $1');

function fixOf(text: string, index: TextIndex, edit: TextFix, isSecret: boolean): ConfigProblem['fix'] {
  const change = changeOf(text, edit);
  if (change === undefined) return undefined;
  const { offset, was, replacement } = change;
  const label = isSecret ? 'write it in quotes' : `write ${visibleText(replacement)} in place of ${visibleText(was)}`;
  return {
    ...index.position(offset),
    length: was.length,
    was,
    replacement,
    label,
    ...(isSecret ? { isSecret: true as const } : {}),
  };
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `deployment.yml:7:16 nodes/172.16.255.250/0: message`, the frame, the hint; with a blank line between problems. */
export function printProblems(problems: readonly ConfigProblem[], options: { readonly color?: boolean } = {}): Printed {
  const paint = options.color === true ? paintAnsi : (_code: string, text: string) => plainText(text);
  // Each piece of it is cleaned before it is painted.
  return problems.map((problem) => printProblem(problem, paint)).join('\n\n') as Printed;
}

function printProblem(problem: ConfigProblem, paint: (code: string, text: string) => string): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}:${problem.column ?? 1}`;
  const path = problem.path === '' ? '' : ` ${visibleText(problem.path)}`;
  const lines = [`${paint('1', `${place}${path}`)}: ${paint('31', visibleText(problem.message))}`];
  if (problem.frame !== undefined) {
    lines.push(...problem.frame.split('\n').map((line) => `  ${paint(line.startsWith('>') ? '0' : '2', line)}`));
  }
  if (problem.hint !== undefined) lines.push(`${paint('36', 'hint')}: ${plainText(problem.hint)}`);
  return lines.join('\n');
}

const paintAnsi = (code: string, text: string): string => `\u001b[${code}m${plainText(text)}\u001b[0m`;

/** Another value for one key or scalar of a file. */
interface TextFix {
  readonly node: YamlScalar;
  readonly value: string;
  /** `as-written` keeps the quotes that are there. */
  readonly style: 'as-written' | 'plain' | 'quoted';
}

interface Change {
  readonly offset: number;
  readonly was: string;
  readonly replacement: string;
}

/** Longer texts are not misspelt words. */
const maxLength = 200;

/** What to write where; undefined where the scalar is written with escapes, over several lines, or not at all. */
function changeOf(text: string, { node, value, style }: TextFix): Change | undefined {
  const was = writtenAt(text, node);
  if (was === undefined || was.length > maxLength || value.length > maxLength) return undefined;
  const replacement = style === 'plain' ? value : style === 'quoted' ? JSON.stringify(value) : likewise(was, value);
  return replacement === was ? undefined : { offset: node.offset, was, replacement };
}

function writtenAt(text: string, { offset, source }: YamlScalar): string | undefined {
  if (source === '' || /[\r\n]/.test(source)) return undefined;
  if (text.startsWith(source, offset)) return source;
  const mark = text[offset];
  if (mark !== '"' && mark !== "'") return undefined;
  const quoted = `${mark}${source}${mark}`;
  return text.startsWith(quoted, offset) ? quoted : undefined;
}

/** What YAML 1.1 readers take for truth values or nothing as well: other programs read these files too. */
const otherTypes = /^(?:true|false|yes|no|on|off|y|n|null)$/i;
const plainWord = /^(?:[A-Za-z_][A-Za-z0-9_./-]*|[0-9]+(?:\.[0-9]+){3})$/;

function likewise(was: string, value: string): string {
  if (was.startsWith("'")) return `'${value.replaceAll("'", "''")}'`;
  const isPlain = plainWord.test(value) && !otherTypes.test(value);
  return isPlain && !was.startsWith('"') ? value : JSON.stringify(value);
}
