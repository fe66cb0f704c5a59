/** One step that makes a host a node, as host/provision.sh told it. */
export interface SetupStep {
  readonly name: string;
  readonly state: SetupState;
  /** What it is about, or why it cannot be done. */
  readonly detail?: string;
}

/** `would do` only where nothing was to be changed. */
export type SetupState = 'done' | 'would do' | 'did' | 'cannot';

/** What provision.sh says while it works. */
export type SetupEvent =
  | { readonly type: 'begin'; readonly name: string; readonly detail?: string }
  | { readonly type: 'progress'; readonly name: string; readonly percent: number; readonly text: string }
  | ({ readonly type: 'step' } & SetupStep);

/** A disk that holds nothing: neither partitions nor a filesystem, and is not in use. */
export interface EmptyDisk {
  readonly path: string;
  readonly sizeBytes: number;
  readonly model?: string;
}

/** Exit statuses of provision.sh that are answers: nothing to do, something that cannot be done, something to do. */
export const setupAnswers: readonly number[] = [0, 1, 2];
