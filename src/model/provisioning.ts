/** One step of host/provision.sh, which makes a host a node. */
export interface SetupStep {
  readonly name: string;
  readonly state: SetupState;
  /** What the step concerns, or why it cannot be done. */
  readonly detail?: string;
}

/** `would do` only with `--check`, which changes nothing. */
export type SetupState = 'done' | 'would do' | 'did' | 'cannot';

/** What provision.sh reports while it runs. */
export type SetupEvent =
  | { readonly type: 'begin'; readonly name: string; readonly detail?: string }
  | { readonly type: 'progress'; readonly name: string; readonly percent: number; readonly text: string }
  | ({ readonly type: 'step' } & SetupStep);

/** A disk without partitions and filesystem that is not in use. */
export interface EmptyDisk {
  readonly path: string;
  readonly sizeBytes: number;
  readonly model?: string;
}

/** Exit codes of provision.sh that are answers: nothing to do, something cannot be done, something to do. */
export const setupAnswers: readonly number[] = [0, 1, 2];
