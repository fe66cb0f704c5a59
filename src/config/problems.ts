import { groupBy } from '../model/collect.ts';
import type { ConfigProblem } from '../model/config.ts';
import { type Printed, plainText, visibleText } from '../model/plain-text.ts';
import { indexText, type TextIndex } from './yaml/text-position.ts';
import { quote, type YamlScalar } from './yaml/yaml-node.ts';

/** One problem while a file is read. */
export interface Finding {
  /** Absent where no position makes sense. */
  readonly offset?: number;
  readonly path: string;
  readonly message: string;
  readonly hint?: Hint;
  /** A note: the file is used all the same. */
  readonly isNote?: true;
  /** The key that has no effect (a note) or is refused, for the summary. */
  readonly unsupported?: string;
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
    problems: () => [
      ...summaryOf(file, [...problems.values()], [...notes.values()]),
      ...finish(file, text, [...problems.values()], options.hidesText !== true),
    ],
    notes: () => finish(file, text, [...notes.values()], false),
  };
}

/** One sentence before the problems, where keys are refused and it says more than the only problem. */
function summaryOf(file: string, problems: readonly Finding[], notes: readonly Finding[]): ConfigProblem[] {
  const keysOf = (findings: readonly Finding[]) => [
    ...new Set(findings.flatMap(({ unsupported }) => (unsupported === undefined ? [] : [unsupported]))),
  ];
  const refused = keysOf(problems);
  const ignored = keysOf(notes);
  if (refused.length === 0 || (refused.length === 1 && ignored.length === 0)) return [];
  const keys = (count: number): string => `${count} ${count === 1 ? 'key' : 'keys'}`;
  const cannot = `${refused.length} that it cannot run`;
  const counted =
    ignored.length === 0
      ? `${keys(refused.length)} that drover cannot run`
      : `${keys(ignored.length)} that drover ignores and ${cannot}`;
  const message = `this file uses ${counted}: ${refused.slice(0, 20).map(quote).join(', ')}`;
  return [{ file, path: '', message, hint: 'docs/compose.md says what drover does with each key' }];
}

interface Group {
  readonly first: Finding;
  /** The same thing in other places. */
  readonly others: readonly Finding[];
}

/** Fewer alike are easier to read one by one. */
const minAlike = 3;

/** Each kind of problem once, in the order of the file; those with an edit of their own stay alone. */
function grouped(findings: readonly Finding[], adviceOf: (finding: Finding) => Partial<Advice>): readonly Group[] {
  const byMessage = groupBy(findings, ({ message }) => message);
  const groups = [...byMessage.values()].flatMap((alike): Group[] => {
    const [first, ...others] = alike;
    if (first === undefined) return [];
    const isEach = alike.length < minAlike || adviceOf(first).edit !== undefined;
    return isEach ? alike.map((each) => ({ first: each, others: [] })) : [{ first, others }];
  });
  return groups.sort((a, b) => compareFindings(a.first, b.first));
}

const compareFindings = (a: Finding, b: Finding): number =>
  (a.offset ?? -1) - (b.offset ?? -1) || compareText(a.path, b.path);

function finish(file: string, text: string, findings: Finding[], isFramed: boolean): ConfigProblem[] {
  if (findings.length === 0) return [];
  const index = indexText(text);
  const adviceOf = once(readAdvice);
  const sorted = grouped(findings.sort(compareFindings), adviceOf);
  const problems = sorted.slice(0, maxShown).map(({ first: finding, others }): ConfigProblem => {
    const { hint, edit } = adviceOf(finding);
    const also = others.map(({ offset, path }) => ({
      path,
      ...(offset === undefined ? {} : index.position(offset)),
    }));
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
      ...(also.length === 0 ? {} : { also }),
    };
  });
  const more = sorted.slice(maxShown).reduce((sum, { others }) => sum + 1 + others.length, 0);
  const atLeast = findings.length >= maxKept ? 'at least ' : '';
  if (more > 0) problems.push({ file, path: '', message: `has ${atLeast}${more} more problems` });
  return problems;
}

/** A hint is worked out once: that takes names which no second one may have. */
function once(read: (finding: Finding) => Partial<Advice>): (finding: Finding) => Partial<Advice> {
  const known = new Map<Finding, Partial<Advice>>();
  return (finding) => {
    const advice = known.get(finding) ?? read(finding);
    known.set(finding, advice);
    return advice;
  };
}

function readAdvice({ hint }: Finding): Partial<Advice> {
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
  const also = alsoText(problem);
  if (also !== undefined) lines.push(`  ${visibleText(also)}`);
  if (problem.hint !== undefined) lines.push(`${paint('36', 'hint')}: ${plainText(problem.hint)}`);
  return lines.join('\n');
}

const shownPlaces = 4;

/** The other places of a problem: `also at 12:5 services/b/dns, 20:5 services/c/dns and 146 more`. */
export function alsoText({ also = [] }: ConfigProblem): string | undefined {
  if (also.length === 0) return undefined;
  const shown = also.slice(0, shownPlaces).map(({ line, column, path }) => {
    const at = line === undefined ? [] : [`${line}:${column ?? 1}`];
    return [...at, path].filter((part) => part !== '').join(' ');
  });
  const rest = also.length - shown.length;
  return `also at ${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`;
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
