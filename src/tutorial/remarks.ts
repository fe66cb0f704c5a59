import {
  complain,
  type Fields,
  type Place,
  readFields,
  readInteger,
  readItems,
  readName,
  readPort,
  refuseOthers,
  required,
  rootPlace,
} from '../config/fields.ts';
import { createFileReport } from '../config/problems.ts';
import { parseYaml } from '../config/yaml/parse-yaml.ts';
import type { ConfigProblem } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import type { Check, Tutorial } from './types.ts';

/** The YAML of a comment, and its first line on the page (from 1). */
export interface Remark {
  readonly text: string;
  readonly line: number;
}

export interface Read<T> {
  /** Absent if `problems` has any. */
  readonly value?: T;
  readonly problems: readonly ConfigProblem[];
}

/** The comment before a console block. */
export interface StepRemark {
  readonly title: string;
  readonly checks: readonly Check[];
  readonly hint?: string;
}

export type PageRemark = Pick<Tutorial, 'about' | 'minutes' | 'learnt' | 'next' | 'nodes' | 'files'>;

/** `<!-- drover: {title: …, check: […], hint: …} -->` */
export const readStepRemark = (remark: Remark, page: string): Read<StepRemark> =>
  read(remark, page, (root) => {
    const fields = readFields(root, 'the remark about a step');
    if (fields === undefined) return undefined;
    refuseOthers(fields, ['title', 'check', 'hint']);
    const title = named(fields, 'title');
    const checks = required(fields, 'check', 'say what the cluster shows when the step is done');
    const hint = fields.entries.get('hint');
    const list = checks === undefined ? undefined : readItems(checks, '"check"', 'a list of checks');
    if (title === undefined || list === undefined) return undefined;
    if (list.length === 0 && checks !== undefined) return complain(checks, '"check" must not be empty');
    return {
      title,
      checks: list.flatMap((item) => readCheck(item) ?? []),
      ...defined({ hint: hint === undefined ? undefined : readName(hint, '"hint"') }),
    };
  });

/** The reader's files where the page names none. */
const usualFiles = ['application.yml', 'deployment.yml'];

/** `<!-- drover-tutorial: {about: …, minutes: …, learnt: […], next: …, nodes: {…}} -->` */
export const readPageRemark = (remark: Remark, page: string): Read<PageRemark> =>
  read(remark, page, (root) => {
    const fields = readFields(root, 'the remark about the tutorial');
    if (fields === undefined) return undefined;
    refuseOthers(fields, ['about', 'minutes', 'learnt', 'next', 'nodes', 'files']);
    const about = named(fields, 'about');
    const time = required(fields, 'minutes');
    const minutes = time === undefined ? undefined : readInteger(time, '"minutes"', 1, 999);
    const learnt = required(fields, 'learnt', 'list what the reader knows afterwards');
    const nodes = required(fields, 'nodes', 'write {node1: ADDRESS, …}, as the page names them');
    const next = fields.entries.get('next');
    const files = fields.entries.get('files');
    if (about === undefined || minutes === undefined || learnt === undefined || nodes === undefined) return undefined;
    return {
      about,
      minutes,
      learnt: readNames(learnt, '"learnt"'),
      nodes: readNodes(nodes),
      files: files === undefined ? usualFiles : [...readNames(files, '"files"'), 'deployment.yml'],
      ...defined({ next: next === undefined ? undefined : readName(next, '"next"') }),
    };
  });

function read<T>({ text, line }: Remark, page: string, reader: (root: Place) => T | undefined): Read<T> {
  // Empty lines stand for the page above the comment, so that each problem has its line on the page.
  const padded = '\n'.repeat(line - 1) + text;
  const file = createFileReport(page, padded);
  const { root, problems } = parseYaml(padded);
  for (const { offset, message, hint } of problems) file.report({ offset, path: '', message, ...defined({ hint }) });
  if (root === undefined && problems.length === 0) file.report({ offset: line - 1, path: '', message: 'it is empty' });
  const value = root === undefined ? undefined : reader(rootPlace(root, file.report));
  const found = file.problems();
  return { problems: found, ...(found.length > 0 ? {} : defined({ value })) };
}

function named(fields: Fields, key: string): string | undefined {
  const place = required(fields, key);
  return place === undefined ? undefined : readName(place, `"${key}"`);
}

const readNames = (place: Place, what: string): readonly string[] =>
  (readItems(place, what, 'a list of texts') ?? []).flatMap((item) => readName(item, `an item of ${what}`) ?? []);

function readNodes(place: Place): Readonly<Record<string, string>> {
  const entries = readFields(place, '"nodes"')?.entries ?? new Map<string, Place>();
  return Object.fromEntries(
    [...entries].flatMap(([name, address]) => {
      const text = readName(address, `the address of "${name}"`);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/** By the key that names the kind: its other keys, and how they become a check. */
const kinds: Readonly<Record<Check['kind'], { readonly others: readonly string[]; readonly make: Make }>> = {
  running: {
    others: ['on'],
    make: (fields, app) => {
      const on = named(fields, 'on');
      return app === undefined || on === undefined ? undefined : { kind: 'running', app, on };
    },
  },
  stopped: {
    others: ['on'],
    make: (fields, app) => {
      const on = fields.entries.has('on') ? named(fields, 'on') : undefined;
      return app === undefined ? undefined : { kind: 'stopped', app, ...defined({ on }) };
    },
  },
  owned: {
    others: ['by'],
    make: (fields, app) => {
      const by = named(fields, 'by');
      return app === undefined || by === undefined ? undefined : { kind: 'owned', app, by };
    },
  },
  converged: {
    others: [],
    make: (fields) => {
      const place = fields.entries.get('converged');
      if (place?.node.kind === 'scalar' && place.node.value === true) return { kind: 'converged' };
      return place === undefined ? undefined : complain(place, '"converged" must be true');
    },
  },
  answers: {
    others: ['through'],
    make: (fields) => {
      const place = fields.entries.get('answers');
      const through = required(fields, 'through', 'name the nodes: through: [node1, node2]');
      const port = place === undefined ? undefined : readPort(place, '"answers"');
      if (port === undefined || through === undefined) return undefined;
      return { kind: 'answers', port, through: readNames(through, '"through"') };
    },
  },
  prints: {
    others: [],
    make: (_fields, command) => (command === undefined ? undefined : { kind: 'prints', command }),
  },
};

/** `text` is the value of the kind's own key, if that is a text. */
type Make = (fields: Fields, text: string | undefined) => Check | undefined;

const isKind = (word: string): word is Check['kind'] => Object.hasOwn(kinds, word);

function readCheck(place: Place): Check | undefined {
  const fields = readFields(place, 'a check', `write one of ${Object.keys(kinds).join(', ')}`);
  if (fields === undefined) return undefined;
  const kind = [...fields.entries.keys()].find(isKind);
  if (kind === undefined) {
    return complain(place, 'this is not a check', `write one of ${Object.keys(kinds).join(', ')}`);
  }
  const { others, make } = kinds[kind];
  refuseOthers(fields, [kind, ...others]);
  const isText = kind !== 'converged' && kind !== 'answers';
  return make(fields, isText ? named(fields, kind) : undefined);
}
