import type { AppName, NodeName, VolumeId } from './config.ts';

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
  /** auto: one node, which the plan chooses. An empty list: no standbys. */
  readonly on: readonly NodeName[] | 'auto';
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

/** What a node does on its own for the volumes that it owns, and which copies it receives. */
export interface StandbyRules {
  /** Sorted by volume. */
  readonly sends: readonly StandbySend[];
  /** Sorted by volume, then by sender. */
  readonly accepts: readonly StandbyAccept[];
}

/** A volume that the node takes snapshots of and sends to its standbys, as long as the node owns it. */
export interface StandbySend {
  readonly volume: VolumeId;
  readonly application: AppName;
  readonly everyMs: number;
  readonly loseMs: number;
  /** Ids of the nodes with standbys, sorted. */
  readonly targets: readonly string[];
  readonly snapshots?: Retention;
  readonly quiesce?: Quiesce;
}

/** A volume that the node receives from another one, as long as that one owns it. */
export interface StandbyAccept {
  readonly volume: VolumeId;
  readonly application: AppName;
  /** Id of the node that may send it. */
  readonly from: string;
  /** The address that it sends from. */
  readonly address: string;
  readonly loseMs: number;
  readonly keep?: Retention;
}

/** What a node reports about its standbys. Times are milliseconds since 1970 by the node's clock. */
export interface StandbyFacts {
  readonly rules: StandbyRules;
  /** The node's clock when it was observed. */
  readonly at: number;
  /** One entry for each volume that the node sends and each of its targets, as far as there was a round. */
  readonly sent: readonly SentStandby[];
  /** One entry for each standby on this node. */
  readonly received: readonly ReceivedStandby[];
}

/** The state of one standby as its owner knows it. */
export interface SentStandby {
  readonly volume: VolumeId;
  /** Id of the node with the standby. */
  readonly target: string;
  /** The newest snapshot that has arrived completely; absent: none has. */
  readonly newest?: StandbySnapshot;
  /** Of the last transfer. */
  readonly bytes?: number;
  /** Why the last round failed; absent: it succeeded. */
  readonly error?: string;
}

/** The state of one standby as its own node knows it. */
export interface ReceivedStandby {
  readonly volume: VolumeId;
  /** Id of the node that sent it. */
  readonly from: string;
  readonly newest: StandbySnapshot;
}

export interface StandbySnapshot {
  readonly name: string;
  readonly guid: string;
  /** When its owner took it, by the owner's clock. */
  readonly takenAt: number;
}

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
