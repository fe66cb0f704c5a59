import { acts } from '../../model/acts.ts';
import { lastFacts } from '../../model/cluster.ts';
import { type AppName, type NodeName, nodeOf } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { closest } from '../../view/closest.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import { fitsOf } from '../../view/move-fit.ts';
import { namesOf } from '../../view/wording.ts';
import { themeNames } from '../frame/theme.ts';
import { openLogs } from '../parts/logs/logs.ts';
import { allMoving, openMove } from '../parts/move.ts';
import { openProblems } from '../parts/problems.ts';
import { openRun } from '../parts/run/run.ts';
import { openZfs } from '../parts/zfs.ts';
import type { ScreenInput, Update } from '../screen.ts';
import { arrangements, sorts } from '../state.ts';
import { type ActionId, infoOf } from './actions.ts';
import { confirmRestart, confirmStart, confirmStop } from './app-actions.ts';
import { appReason, unreachableReason, whereIs } from './selection.ts';

/** What a command does besides closing the palette, or the sentence that says why it cannot. */
export type Outcome = Update<never> | string;

/** A command of the palette with words behind it; without them, the action of the same name is meant. */
export interface Command {
  readonly word: string;
  /** `app` in `move APP NODE`, for the list. */
  readonly usage: string;
  readonly label: string;
  /** What it is without further words; absent: it needs some. */
  readonly action?: ActionId;
  /** What the word at this place may be; undefined where any text will do, or nothing more is taken. */
  readonly words: (input: ScreenInput, place: number) => readonly string[] | undefined;
  /** Changes something outside of the screen. */
  readonly changes?: true;
  /** Why it cannot be done with these words. */
  readonly disabledReason?: (input: ScreenInput, words: readonly string[]) => string | undefined;
  readonly run: (input: ScreenInput, words: readonly string[]) => Outcome;
}

const appsOf = ({ config, nodes }: ClusterView): readonly AppName[] => {
  const found = Object.values(nodes).flatMap((state) => {
    const facts = lastFacts(state);
    return facts?.containers.flatMap(({ managed, application }) => (managed && application ? [application] : [])) ?? [];
  });
  return [...new Set([...Object.keys(config?.applications ?? {}), ...found])].sort();
};

const nodeKeys = ({ config, nodes }: ClusterView): readonly NodeName[] => [
  ...new Set([...Object.keys(config?.nodes ?? {}), ...Object.keys(nodes)]),
];

const nodeNames = (view: ClusterView): readonly string[] => nodeKeys(view).map(namesOf(view.config).node).sort();

/** By the name that is shown, or the key of deployment.yml. */
function findNode(view: ClusterView, word: string): NodeName | undefined {
  const names = namesOf(view.config);
  return nodeKeys(view).find((key) => key === word || names.node(key) === word);
}

const isWantedOn = ({ config }: ClusterView, app: AppName, node: NodeName): boolean =>
  config !== undefined && nodeOf(config, app) === node;

function unknown(what: string, word: string, known: readonly string[]): string {
  if (word === '') return `which ${what}?`;
  const near = closest(word, known);
  return `there is no ${what} "${word}"${near === undefined ? '' : `; did you mean "${near}"?`}`;
}

const withApp = (input: ScreenInput, word: string, then: (app: AppName) => Outcome): Outcome =>
  appsOf(input.view).includes(word) ? then(word) : unknown('application', word, appsOf(input.view));

function withNode(input: ScreenInput, word: string, then: (node: NodeName) => Outcome): Outcome {
  const node = findNode(input.view, word);
  return node === undefined ? unknown('node', word, nodeNames(input.view)) : then(node);
}

/** A command that takes one of some words. */
const oneOf = <W extends string>(
  command: Pick<Command, 'word' | 'usage' | 'label' | 'action' | 'changes'>,
  what: string,
  all: readonly W[],
  then: (one: W) => Outcome,
): Command => ({
  ...command,
  words: inOrder(() => all),
  run: (_, [word = '']) => {
    const one = all.find((each) => each === word);
    return one === undefined ? unknown(what, word, all) : then(one);
  },
});

const policies = ['on-save', 'ask'] as const;
const fileWords = ['application', 'deployment'] as const;

const fileOf = ({ about }: ScreenInput, word: string): string | undefined =>
  fileWords.flatMap((each) => (each === word ? (about.files?.[each] ?? []) : []))[0];

/** The command of an act on one application. */
function onApp(name: CommandAct, then: (input: ScreenInput, app: AppName) => Outcome) {
  const { action, command } = acts[name].screen;
  const [word, label] = command;
  const changes = infoOf(action)?.changes;
  return {
    word,
    usage: `${word} APP`,
    label,
    action,
    ...(changes === undefined ? {} : { changes }),
    words: ({ view }: ScreenInput, place: number) => (place === 0 ? appsOf(view) : undefined),
    disabledReason: (input: ScreenInput, [app = '']: readonly string[]) =>
      appsOf(input.view).includes(app) ? appReason(input, action, app) : undefined,
    run: (input: ScreenInput, [app = '']: readonly string[]) => withApp(input, app, (found) => then(input, found)),
  } satisfies Command;
}

type CommandAct = 'restart' | 'stop' | 'start' | 'snapshot' | 'exec';

const inOrder =
  (...lists: readonly ((view: ClusterView) => readonly string[])[]): Command['words'] =>
  ({ view }, place) =>
    lists[place]?.(view);

/** The command line. Everything else in the palette is an action of the table, by its name. */
export const commands: readonly Command[] = [
  {
    word: 'app',
    usage: 'app APP',
    label: 'go to an application',
    words: inOrder(appsOf),
    run: (input, [word = '']) =>
      withApp(input, word, (app) => {
        const node = whereIs(input.view, app)?.node;
        const item = { app, ...defined({ node }) };
        return { sends: [{ type: 'select', pane: 'cluster', item }] };
      }),
  },
  {
    word: 'node',
    usage: 'node NODE',
    label: 'go to a node',
    words: inOrder(nodeNames),
    run: (input, [word = '']) =>
      withNode(input, word, (node) => ({ sends: [{ type: 'select', pane: 'cluster', item: { node } }] })),
  },
  {
    word: 'move',
    usage: 'move APP NODE',
    label: 'move an application to another node',
    action: 'move',
    changes: true,
    words: inOrder(appsOf, nodeNames),
    disabledReason: (input, [app = '', target]) => {
      const node = target === undefined ? undefined : findNode(input.view, target);
      const reason = appsOf(input.view).includes(app) ? appReason(input, 'move', app) : undefined;
      if (reason !== undefined || node === undefined) return reason;
      if (isWantedOn(input.view, app, node)) return `"${app}" belongs there already`;
      return unreachableReason(input, node) ?? noPlaceFor(input, app, node);
    },
    run: (input, [word = '', target]) =>
      withApp(input, word, (app) => {
        const apps = allMoving(input.view, [app]);
        if (target === undefined) return { opens: openMove(apps) };
        return withNode(input, target, (node) => ({ effects: [{ type: 'move', apps, node }] }));
      }),
  },
  {
    word: 'logs',
    usage: 'logs APP [TEXT]',
    label: 'logs of an application, or its lines with a text',
    action: 'logs',
    words: inOrder(appsOf),
    disabledReason: (input, [app = '']) =>
      appsOf(input.view).includes(app) ? appReason(input, 'logs', app) : undefined,
    run: (input, [word = '', ...rest]) => withApp(input, word, (app) => ({ opens: openLogs([app], rest.join(' ')) })),
  },
  onApp('restart', ({ view }, app) => ({ opens: confirmRestart(view, app) })),
  onApp('stop', ({ view }, app) => ({ opens: confirmStop(view, app) })),
  onApp('start', ({ view }, app) => ({ opens: confirmStart(view, app) })),
  onApp('snapshot', (_, app) => ({ effects: [{ type: 'snapshot', app }] })),
  onApp('exec', (_, app) => ({ effects: [{ type: 'shell', app }] })),
  {
    word: 'edit',
    usage: 'edit APP',
    label: 'edit an application, or a file',
    action: 'edit',
    changes: true,
    words: inOrder((view) => [...appsOf(view), ...fileWords]),
    disabledReason: (input, [word = '']) => {
      if (fileOf(input, word) !== undefined || !appsOf(input.view).includes(word)) return undefined;
      return appReason(input, 'edit', word);
    },
    run: (input, [word = '']) => {
      // An application of that name has its place in the same file.
      const file = appsOf(input.view).includes(word) ? undefined : fileOf(input, word);
      if (file !== undefined) return { effects: [{ type: 'edit', file }] };
      if (fileWords.some((each) => each === word)) return 'this folder has no files';
      return withApp(input, word, (app) => ({ effects: [{ type: 'edit-app', app }] }));
    },
  },
  {
    word: 'zfs',
    usage: 'zfs NODE',
    label: 'datasets and snapshots of a node',
    action: 'zfs',
    words: inOrder(nodeNames),
    disabledReason: (input, [word = '']) => {
      const node = findNode(input.view, word);
      return node === undefined ? undefined : unreachableReason(input, node);
    },
    run: (input, [word = '']) => withNode(input, word, (node) => ({ opens: openZfs(node) })),
  },
  {
    word: 'filter',
    usage: 'filter TEXT',
    label: 'show what matches: wiki, !wiki, node:beta, state:failed',
    action: 'filter',
    words: () => undefined,
    run: (_, words) => ({ sends: [{ type: 'set', ui: { filter: words.join(' ') } }] }),
  },
  oneOf(
    { word: 'theme', usage: 'theme NAME', label: 'colours of the screen', action: 'theme' },
    'theme',
    themeNames,
    (theme) => ({ sends: [{ type: 'set', ui: { theme } }] }),
  ),
  oneOf(
    { word: 'view', usage: 'view NAME', label: 'board, table or matrix', action: 'arrange' },
    'view',
    arrangements,
    (arrangement) => ({ sends: [{ type: 'set', ui: { arrangement } }] }),
  ),
  oneOf(
    { word: 'sort', usage: 'sort BY', label: 'order of the applications', action: 'sort' },
    'order',
    sorts,
    (sort) => ({ sends: [{ type: 'set', ui: { sort } }] }),
  ),
  oneOf(
    { word: 'policy', usage: 'policy NAME', label: 'apply on save, or ask first', action: 'policy', changes: true },
    'policy',
    policies,
    (policy) => ({ effects: [{ type: 'set-policy', policy }] }),
  ),
  {
    word: 'run',
    usage: 'run',
    label: 'the present run, or the last one',
    words: () => undefined,
    run: () => ({ opens: openRun() }),
  },
  {
    word: 'problems',
    usage: 'problems',
    label: 'problems of the newest save',
    words: () => undefined,
    disabledReason: ({ view }) => (view.problems.length > 0 ? undefined : 'the files have no problems'),
    run: () => ({ opens: openProblems() }),
  },
];

/** The rule of the page that `move` without a node opens. */
const noPlaceFor = ({ view, now }: ScreenInput, app: string, node: string): string | undefined =>
  appsOf(view).includes(app) ? fitsOf(view, [app], now).find((fit) => fit.node === node)?.against : undefined;
