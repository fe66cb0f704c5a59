import type { ActionKind } from './plan.ts';

/** Properties of all steps of a kind. */
export interface StepKind {
  /** The printed order if the edges allow several: Flocker's phases, with the network last. */
  readonly rank: number;
  /** What such a step does at this moment: `fetching the image`. */
  readonly progress: string;
  /** The same for a narrow column: `fetching image`. */
  readonly short: string;
  /** It can be interrupted at any byte without harm: the next run resumes it. */
  readonly isResumable?: true;
  /** After a soft stop it is not started any more, whatever has run before it. */
  readonly isOptional?: true;
  /** It leaves an application down until the steps after it are done. */
  readonly isSwitch?: true;
  /** If the time for the switch ends after this step, the application can still start again on its old node. */
  readonly isAbortable?: true;
  /** It only waits, or has its own semaphore: it takes none of its node's places for commands. */
  readonly takesNoPlace?: true;
  /** It can be part of restarting an exited container, and changes neither container nor data. */
  readonly isPlainStart?: true;
  /** The container stops or starts during the step and does no work. */
  readonly interruptsContainer?: true;
  /** It reports how many bytes are done. */
  readonly countsBytes?: true;
}

/** One row for each kind of step. The compiler demands a row for a new kind. */
export const stepKinds: Readonly<Record<ActionKind, StepKind>> = {
  'set-deployment': { rank: 0, progress: 'naming the deployment', short: 'naming the deployment' },
  'pull-image': {
    rank: 1,
    progress: 'fetching the image',
    short: 'fetching image',
    isResumable: true,
    isOptional: true,
    countsBytes: true,
  },
  'sync-volume': {
    rank: 4,
    progress: 'copying',
    short: 'copying',
    isResumable: true,
    isOptional: true,
    takesNoPlace: true,
    countsBytes: true,
  },
  'hold-ports': {
    rank: 5,
    progress: 'holding new connections',
    short: 'holding ports',
    isOptional: true,
    isPlainStart: true,
  },
  'stop-container': {
    rank: 6,
    progress: 'stopping',
    short: 'stopping',
    isOptional: true,
    isSwitch: true,
    interruptsContainer: true,
  },
  'freeze-volume': {
    rank: 7,
    progress: 'freezing the volume',
    short: 'freezing volume',
    isSwitch: true,
    isAbortable: true,
  },
  'send-final': {
    rank: 7,
    progress: 'sending the last changes',
    short: 'sending last changes',
    isSwitch: true,
    isAbortable: true,
    takesNoPlace: true,
    countsBytes: true,
  },
  'release-volume': { rank: 7, progress: 'releasing the volume', short: 'releasing volume', isSwitch: true },
  'acquire-volume': { rank: 8, progress: 'acquiring the volume', short: 'acquiring volume', isSwitch: true },
  'reclaim-volume': { rank: 8, progress: 'taking the volume back', short: 'taking volume back', isSwitch: true },
  'resize-volume': { rank: 9, progress: 'setting the limit', short: 'setting limit' },
  'create-volume': { rank: 10, progress: 'creating the volume', short: 'creating volume' },
  'mount-volume': { rank: 10, progress: 'mounting the volume', short: 'mounting volume' },
  'retire-volume': { rank: 11, progress: 'retiring the volume', short: 'retiring volume' },
  'start-container': {
    rank: 13,
    progress: 'starting',
    short: 'starting',
    isPlainStart: true,
    interruptsContainer: true,
  },
  'check-container': {
    rank: 14,
    progress: 'waiting for an answer',
    short: 'waiting for answer',
    takesNoPlace: true,
    isPlainStart: true,
    interruptsContainer: true,
  },
  'replace-network': { rank: 15, progress: 'setting forwards', short: 'setting forwards', isPlainStart: true },
  'set-boot-rules': { rank: 15, progress: 'setting the boot rules', short: 'setting boot rules' },
  'set-standbys': { rank: 17, progress: 'setting the standbys', short: 'setting standbys' },
  'settle-volume': { rank: 16, progress: 'keeping the old copy', short: 'settling old copy', isOptional: true },
};
