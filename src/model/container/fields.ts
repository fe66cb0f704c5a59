import type { Healthcheck } from './healthcheck.ts';

export type RestartPolicy =
  | { readonly name: 'never' | 'always' | 'unless-stopped' }
  | { readonly name: 'on-failure'; readonly maximumRetryCount?: number };

/** The type of each kind of value; durations are milliseconds. */
export interface ValueOfKind {
  readonly bytes: number;
  readonly integer: number;
  readonly duration: number;
  readonly restart: RestartPolicy;
  readonly words: readonly string[];
  readonly healthcheck: Healthcheck;
}

export type FieldKind = keyof ValueOfKind;

/** A form of the application file. */
export type Form = 'native' | 'fig' | 'compose';

/**
 * One setting of a container that a key of the application file gives, as plain data. The forms and the JSON schemas,
 * the comparison in plans, Docker's create call and what is read back from it, the diff, the detail pane and the
 * command log follow from its row, and the revision as well. Each of them has one function for a kind of value, none
 * for a field.
 */
export interface ContainerField {
  /** Its property in `Application` and `ContainerSpec`. */
  readonly name: string;
  /** In plans and on the screen: `memory limit`. */
  readonly label: string;
  /** Its key in each form; a form without one refuses it. */
  readonly keys: Readonly<Partial<Record<Form, string>>>;
  /** Two values are equal if they are equal in Docker's unit: Docker has durations in whole seconds. */
  readonly kind: FieldKind;
  /** Bounds of an integer. */
  readonly range?: readonly [min: number, max: number];
  /** Docker uses the image's own if there is none: src/plan/container-spec.ts compares with that. */
  readonly fromImage?: 'command' | 'entrypoint' | 'healthcheck';
  /** It can contain values of variables: `hidesCommand` hides it. */
  readonly mayBeSecret?: true;
  /** Its place in Docker's create call and in Docker's report of a container, where 0 means "not set". */
  readonly docker: readonly [section: 'Config' | 'HostConfig', key: string];
  /** Option of `docker create`, for the command log; absent: it is not logged. */
  readonly option?: string;
  /** For the JSON schemas, which editors show. */
  readonly about: string;
}

export const containerFields = [
  {
    name: 'memoryLimitBytes',
    label: 'memory limit',
    keys: { native: 'mem_limit', fig: 'mem_limit', compose: 'mem_limit' },
    kind: 'bytes',
    docker: ['HostConfig', 'Memory'],
    option: '--memory',
    about: 'Memory limit.',
  },
  {
    name: 'cpuShares',
    label: 'cpu shares',
    keys: { native: 'cpu_shares', compose: 'cpu_shares' },
    kind: 'integer',
    range: [0, 262_144],
    docker: ['HostConfig', 'CpuShares'],
    option: '--cpu-shares',
    about: "Relative CPU weight; Docker's default is 1024.",
  },
  {
    name: 'stopGraceMs',
    label: 'stop grace period',
    keys: { native: 'stop_grace_period', fig: 'stop_grace_period', compose: 'stop_grace_period' },
    kind: 'duration',
    docker: ['Config', 'StopTimeout'],
    option: '--stop-timeout',
    about: 'How long it may take to stop before it is killed. Default: timeouts.stop.',
  },
  {
    name: 'restartPolicy',
    label: 'restart policy',
    keys: { native: 'restart_policy', compose: 'restart' },
    kind: 'restart',
    docker: ['HostConfig', 'RestartPolicy'],
    option: '--restart',
    about: 'What Docker does when the container ends. Default: never.',
  },
  {
    name: 'command',
    label: 'command',
    keys: { native: 'command', compose: 'command' },
    kind: 'words',
    fromImage: 'command',
    mayBeSecret: true,
    docker: ['Config', 'Cmd'],
    about: "Arguments in place of the image's own.",
  },
  {
    name: 'entrypoint',
    label: 'entrypoint',
    keys: { native: 'entrypoint', compose: 'entrypoint' },
    kind: 'words',
    fromImage: 'entrypoint',
    mayBeSecret: true,
    docker: ['Config', 'Entrypoint'],
    about: "Program in place of the image's own.",
  },
  {
    name: 'healthcheck',
    label: 'health check',
    keys: { native: 'healthcheck', fig: 'healthcheck', compose: 'healthcheck' },
    kind: 'healthcheck',
    fromImage: 'healthcheck',
    mayBeSecret: true,
    docker: ['Config', 'Healthcheck'],
    about: "How Docker finds out whether it works; what is left out is the image's own.",
  },
] as const satisfies readonly ContainerField[];

type Row = (typeof containerFields)[number];

/** The settings in `Application` and `ContainerSpec`; absent if neither the file nor Docker has a value. */
export type ContainerSettings = { readonly [R in Row as R['name']]?: ValueOfKind[R['kind']] };

/** One function for each kind of value. */
export type ByKind<R> = { readonly [K in FieldKind]: (value: ValueOfKind[K], field: ContainerField) => R };

/** Calls the function of its kind for each setting that has a value, in the order of the table. */
export function mapSettings<R>(
  settings: ContainerSettings,
  byKind: ByKind<R>,
): readonly { readonly field: ContainerField & { readonly name: Row['name'] }; readonly result: R }[] {
  return containerFields.flatMap((field) => {
    const value = settings[field.name];
    // The table pairs each name with the kind of its value; TypeScript cannot follow the pair through a union.
    const map = byKind[field.kind] as (value: unknown, field: ContainerField) => R;
    return value === undefined ? [] : [{ field, result: map(value, field) }];
  });
}

/** Only the settings, as Docker will report them: durations in whole seconds. */
export function settingsOf(from: ContainerSettings): ContainerSettings {
  const settings: { -readonly [R in Row as R['name']]?: unknown } = {};
  // A plain loop: a plan calls it for every application.
  for (const { name, kind } of containerFields) {
    const value = from[name];
    if (value === undefined) continue;
    settings[name] = kind === 'duration' && typeof value === 'number' ? Math.ceil(value / 1000) * 1000 : value;
  }
  // Each name has a value of its kind.
  return settings as ContainerSettings;
}

/** Settings from pairs of name and value. The caller gives each name a value of its kind, or undefined. */
export function toSettings(pairs: Iterable<readonly [name: string, value: unknown]>): ContainerSettings {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of pairs) if (value !== undefined) settings[name] = value;
  return settings;
}

/** True if a setting is equal in both, which come from `settingsOf` or from Docker. */
export const isSameSetting = ({ name }: Row, one: ContainerSettings, other: ContainerSettings): boolean =>
  one[name] === other[name] || JSON.stringify(one[name]) === JSON.stringify(other[name]);

/** The keys of a form, in the order of the table. */
export const settingKeys = (form: Form): readonly string[] =>
  containerFields.flatMap(({ keys }: ContainerField) => keys[form] ?? []);
