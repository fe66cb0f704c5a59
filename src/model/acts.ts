/**
 * What a person can do to an application outside of a plan, as plain data: one row for each method of `Acts`
 * (src/engine/types.ts). The command line and its help, the keys and commands of the screen, and the refusals of
 * --read-only come from this table.
 */
export interface Act {
  readonly verb: string;
  /** The help text of the verb. */
  readonly about: string;
  /** Words of the command line as commander writes them: `<app>`, `[name]`, each with its help text. */
  readonly words: readonly (readonly [word: string, about: string])[];
  /** An option that must be given. */
  readonly option?: readonly [flags: string, about: string];
  /** More options. */
  readonly options?: readonly (readonly [flags: string, about: string])[];
  /** Command lines for the help, without `drover`. */
  readonly examples: readonly string[];
  /**
   * reads: changes nothing, and is allowed with --read-only. adds: changes nothing that exists, and never waits for a
   * run. enters: like adds, but runs a program inside the container, which can change everything in it. interrupts:
   * stops containers or changes owners, so acts and runs wait for each other.
   */
  readonly effect: 'reads' | 'adds' | 'enters' | 'interrupts';
  /** What the application must have. */
  readonly needs: 'container' | 'running container' | 'volume' | 'nothing';
  /** Completes `"db" …` when the act is done; `APP` stands for the name. */
  readonly done?: string;
  /** Absent: the screen has no key for it. */
  readonly screen?: ActOnScreen;
}

export interface ActOnScreen {
  /** The action of the key map; two acts may share one. */
  readonly action: string;
  readonly keys: readonly string[];
  /** In help, palette and footer. It ends with `…` if the screen asks something first. */
  readonly label: string;
  /** In the footer, if the label is too long. */
  readonly short?: string;
  /** The command of the palette for one application, and its label. */
  readonly command?: readonly [word: string, label: string];
}

const app = ['<app>', 'application'] as const;
const snapshot = ['<snapshot>', 'snapshot name, or DATASET@NAME'] as const;
const stopStart = { action: 'stop-start', keys: ['S'], label: 'stop, start…', short: 'stop, start…' } as const;

export const acts = {
  restart: {
    verb: 'restart',
    about: 'stop an application and start the same container again',
    words: [app],
    examples: ['restart web', 'restart web --json'],
    effect: 'interrupts',
    needs: 'container',
    done: 'was restarted',
    screen: { action: 'restart', keys: ['r'], label: 'restart…', command: ['restart', 'restart an application'] },
  },
  stop: {
    verb: 'stop',
    about: 'stop an application; the next apply or a running watch starts it again',
    words: [app],
    examples: ['stop web', 'stop web && drover start web'],
    effect: 'interrupts',
    needs: 'container',
    done: 'was stopped; `drover start APP` or the next apply starts it',
    screen: { ...stopStart, command: ['stop', 'stop an application'] },
  },
  start: {
    verb: 'start',
    about: 'start a stopped application',
    words: [app],
    examples: ['start web'],
    effect: 'interrupts',
    needs: 'container',
    done: 'was started',
    screen: { ...stopStart, command: ['start', 'start an application'] },
  },
  exec: {
    verb: 'exec',
    about: 'run a command, or a shell, in the container of an application; exits with its exit code',
    words: [app, ['[command...]', 'command and its arguments; put -- before them if they contain options']],
    examples: ['exec db', 'exec db cat /etc/hostname', 'exec db -- ls -l /data', 'exec db tar c /data >data.tar'],
    effect: 'enters',
    needs: 'running container',
    screen: {
      action: 'shell',
      keys: ['s'],
      label: 'shell in the container',
      short: 'shell',
      command: ['shell', 'shell in a container'],
    },
  },
  snapshot: {
    verb: 'snapshot',
    about: 'take a snapshot of every volume of an application; drover never destroys it',
    words: [app, ['[name]', 'the snapshot is called user-NAME (default: the time)']],
    examples: ['snapshot db', 'snapshot db before-upgrade'],
    effect: 'adds',
    needs: 'volume',
    screen: {
      action: 'snapshot',
      keys: ['Z'],
      label: 'snapshot its volumes',
      short: 'snapshot',
      command: ['snapshot', 'snapshot the volumes of an application'],
    },
  },
  zfs: {
    verb: 'volumes',
    about: 'list datasets with their snapshots and holds',
    words: [['[app|node]', 'only those of this application, or on this node']],
    examples: ['volumes', 'volumes db', 'volumes node2 --json'],
    effect: 'reads',
    needs: 'nothing',
    screen: { action: 'zfs', keys: ['z'], label: 'datasets and snapshots', short: 'zfs' },
  },
  rollBack: {
    verb: 'rollback',
    about: 'roll an application back to a snapshot; its present data is kept in another dataset',
    words: [app, snapshot],
    examples: ['rollback db before-upgrade', 'rollback db drover/volumes/db-1a2b3c4d@user-before-upgrade --yes'],
    effect: 'interrupts',
    needs: 'volume',
    screen: { action: 'roll-back', keys: ['B'], label: 'roll back to a snapshot…', short: 'roll back…' },
  },
  reclaim: {
    verb: 'reclaim',
    about: 'continue with the copies on another node, after the node that owned the volumes of an application is lost',
    words: [app],
    option: ['--on <node>', 'name or address of the node that has the copies'],
    examples: ['reclaim db --on node2', 'reclaim db --on node2 --yes'],
    effect: 'interrupts',
    needs: 'nothing',
  },
  failOver: {
    verb: 'failover',
    about:
      'start applications of a lost node on another one, from the copies there, after a proof that the node is off',
    words: [['[app]', 'application; or give --node']],
    options: [
      ['--to <node>', 'node that continues (default: the one with the newest copies)'],
      ['--node <node>', 'every application of this lost node, in the order of their dependencies'],
      ['--fenced-by <command>', 'proof: run this command here; it switches the lost node off and then exits with 0'],
      ['--powered-off', 'proof: you type the name of the lost node, to say that it is switched off'],
      ['--i-have-powered-it-off <node>', 'the same for scripts: the name of the lost node'],
      ['--accept-loss [age]', 'what was written after the newest copy is lost; with AGE (10m) only if it is not older'],
      ['--alone', 'go on although no third node can be reached to confirm that the lost one is silent'],
      ['--dry-run', 'show what would happen and what would be lost, and change nothing'],
    ],
    examples: [
      'failover db --to node2 --dry-run',
      'failover db --to node2',
      'failover db --to node2 --powered-off',
      'failover --node node1 --i-have-powered-it-off node1 --accept-loss 10m',
    ],
    effect: 'interrupts',
    needs: 'nothing',
  },
  reseed: {
    verb: 'reseed',
    about: 'make the copies on a node standbys again, after another node took over; what the node had is kept',
    words: [app, ['<node>', 'name or address of the node that lost the application']],
    examples: ['reseed db node1', 'reseed db node1 --json'],
    effect: 'interrupts',
    needs: 'nothing',
  },
  cloneSnapshot: {
    verb: 'clone',
    about: 'create a dataset from a snapshot, next to the volume; the volume does not change',
    words: [app, snapshot],
    examples: ['clone db before-upgrade'],
    effect: 'adds',
    needs: 'nothing',
  },
} as const satisfies Readonly<Record<string, Act>>;

export type ActName = keyof typeof acts;

type OnScreen = Extract<(typeof acts)[ActName], { readonly screen: unknown }>;
/** Acts that the screen has a key for, and their actions. */
export type ScreenAct = { [N in ActName]: (typeof acts)[N] extends OnScreen ? N : never }[ActName];
export type ScreenActAction = OnScreen['screen']['action'];

/** In the order of the help. */
export const actNames = Object.keys(acts) as readonly ActName[];

/** The row of an act with all columns of the table. */
export const actOf = (name: ActName): Act => acts[name];

/** The row for an action of the screen. For an action of two acts (stop and start) it is the first row. */
export const actOfAction = (action: string): Act | undefined =>
  actNames.map(actOf).find(({ screen }) => screen?.action === action);
