/** The periods in which a node takes snapshots on a schedule. */
export const snapshotPeriods = ['hourly', 'daily', 'weekly', 'monthly'] as const;
export type SnapshotPeriod = (typeof snapshotPeriods)[number];

/** How many scheduled snapshots of each period are kept; an absent period has none. */
export type Retention = { readonly [P in SnapshotPeriod]?: number };

/** Programs that run in the container around each snapshot: words, the first one is the program. */
export interface Quiesce {
  readonly before?: readonly string[];
  readonly after?: readonly string[];
}

/** What deployment.yml declares: copies of an application's volumes that its node keeps up to date on other nodes. */
export interface Standby {
  /** Nodes by their keys. auto: one node, which the plan chooses. An empty list: no standbys. */
  readonly on: readonly string[] | 'auto';
  /** The time between two rounds of copying. */
  readonly everyMs: number;
  /** A standby that is older than this is reported, and is not used for a failover without a question. */
  readonly loseMs: number;
  /** Scheduled snapshots that the standbys keep; absent: as the volume's `snapshots`. */
  readonly keep?: Retention;
}

/** Limits and defaults of the durations in deployment.yml. */
export const standbyLimits = {
  shortestEveryMs: 10_000,
  everyMs: 60_000,
  roundsToLose: 5,
  mostSnapshots: 1000,
} as const;

/** The retention in words of the node's files: `hourly=24,daily=7`, `-` for none. */
export const printRetention = (retention: Retention | undefined): string =>
  snapshotPeriods
    .flatMap((period) => (retention?.[period] === undefined ? [] : [`${period}=${retention[period]}`]))
    .join(',') || '-';

/** Reads what `printRetention` writes; what has another form is left out. */
export function readRetention(text: string): Retention | undefined {
  const counts = text.split(',').flatMap((part) => {
    const [, period, count] = /^([a-z]+)=(\d{1,4})$/.exec(part) ?? [];
    const known = snapshotPeriods.find((one) => one === period);
    return known === undefined ? [] : [[known, Number(count)] as const];
  });
  return counts.length === 0 ? undefined : Object.fromEntries(counts);
}
