import type { AppName, DeploymentName, VolumeId } from '../config.ts';
import { SealedContent } from '../container/sealed-content.ts';
import { datasetLeaf } from '../names.ts';
import type { Quiesce, Retention } from './declared.ts';

/** What a node does on its own for the volumes that it owns, and which copies it receives. */
export interface StandbyRules {
  /** The address from which the node sends: its mesh address. */
  readonly address: string;
  /** Sorted by volume. */
  readonly sends: readonly StandbySend[];
  /** Sorted by volume, then by sender. */
  readonly accepts: readonly StandbyAccept[];
}

/** A volume that the node takes snapshots of and sends to its standbys, as long as the node owns it. */
export interface StandbySend {
  readonly volume: VolumeId;
  readonly application: AppName;
  readonly deployment: DeploymentName;
  readonly everyMs: number;
  readonly loseMs: number;
  /** Ids of the nodes with standbys, sorted. */
  readonly targets: readonly string[];
  readonly snapshots?: Retention;
  /** The words of the programs around each snapshot, each ended by a NUL: they may have a password among them. */
  readonly before?: SealedContent;
  readonly after?: SealedContent;
}

/** A volume that the node receives from another one, as long as that one owns it. */
export interface StandbyAccept {
  readonly volume: VolumeId;
  readonly application: AppName;
  readonly deployment: DeploymentName;
  /** Id of the node that may send it. */
  readonly from: string;
  /** The address that it sends from. */
  readonly address: string;
  readonly loseMs: number;
  /** Scheduled snapshots that the standby keeps. */
  readonly keep?: Retention;
}

/** What a node reports about its standbys. Times are milliseconds since 1970 by the node's clock. */
export interface StandbyFacts {
  /** Absent: the node never got any. */
  readonly rules: StandbyRules | undefined;
  /** Its timers could not be started. */
  readonly isUnarmed?: true;
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
  /** Of the last round that sent something. */
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

/** The name of a volume in the node's files and units: the last part of the name of its dataset. */
export const standbyLeaf = ({ volume, application }: Pick<StandbySend, 'volume' | 'application'>): string =>
  datasetLeaf(volume, application);

/** The programs of `quiesce` as the rules have them. */
export function sealQuiesce({ before, after }: Quiesce = {}): Pick<StandbySend, 'before' | 'after'> {
  const seal = (words: readonly string[]) => SealedContent.ofText(words.map((word) => `${word}\0`).join(''));
  return {
    ...(before === undefined ? {} : { before: seal(before) }),
    ...(after === undefined ? {} : { after: seal(after) }),
  };
}
