import { plainText } from '../model/plain-text.ts';

/** One stage of the preparation of a lab; times in milliseconds since 1970. */
export interface Stage {
  readonly name: string;
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly expectedMs?: number;
  /** The present activity, or why it failed. */
  readonly text?: string;
}

/** The stages in a progress file, in the order in which they began. */
export interface StageLog {
  readonly stages: readonly Stage[];
  /** Of each stage, which the file names by a number of its process. */
  readonly ids: readonly string[];
  readonly error?: string;
  readonly end?: EndedStages;
}

/** Progress of something that is being prepared before there are nodes. */
export interface StageFeed {
  readonly getSnapshot: () => readonly Stage[];
  readonly subscribe: (listener: () => void) => () => void;
  /** Resolves when the work is over, well or not; never where the feed is closed before. */
  readonly ended: Promise<EndedStages>;
}

export interface EndedStages {
  /** Exit status of the preparation. */
  readonly code: number;
  /** Why it failed. */
  readonly error?: string;
}

export const startOfLog: StageLog = { stages: [], ids: [] };

/** A line of scripts/progress.mjs's `recorder`, as far as anything is known about it. */
interface ProgressLine {
  readonly event: string;
  readonly id: string;
  readonly name: string;
  readonly time: number;
  readonly text?: string;
  readonly expectedMs?: number;
  readonly code?: number;
}

/** The log after one more line; an unknown line changes nothing. */
export function reduceStages(log: StageLog, text: string): StageLog {
  const line = parseLine(text);
  if (line === undefined) return log;
  switch (line.event) {
    case 'started':
      return startStage(log, line);
    case 'updated':
      return change(log, line, (stage) => (stage.state === 'running' ? { ...stage, ...textOf(line) } : stage));
    case 'done':
    case 'failed':
      return change(log, line, (stage) => endStage(stage, line.event === 'done' ? 'done' : 'failed', line));
    case 'error':
      return { ...log, ...(line.text === undefined ? {} : { error: line.text }) };
    case 'ended':
      return endLog(log, line);
    default:
      return log;
  }
}

function startStage(log: StageLog, { id, name, time, expectedMs }: ProgressLine): StageLog {
  const stage: Stage = { name, state: 'running', startedAt: time, ...(expectedMs === undefined ? {} : { expectedMs }) };
  return { ...log, stages: [...log.stages, stage], ids: [...log.ids, id] };
}

function change(log: StageLog, { id }: ProgressLine, next: (stage: Stage) => Stage): StageLog {
  const at = log.ids.lastIndexOf(id);
  return at < 0 ? log : { ...log, stages: log.stages.map((stage, index) => (index === at ? next(stage) : stage)) };
}

/** If it failed without a reason, its last activity stays visible. */
function endStage(stage: Stage, state: 'done' | 'failed', line: ProgressLine): Stage {
  const { text, ...rest } = stage;
  const kept = state === 'failed' && text !== undefined ? { text } : {};
  return { ...rest, ...kept, ...textOf(line), state, endedAt: line.time };
}

/** A stage whose process ended early has the outcome of the whole preparation. */
function endLog(log: StageLog, line: ProgressLine): StageLog {
  const code = line.code ?? 1;
  const state = code === 0 ? 'done' : 'failed';
  const stages = log.stages.map((stage) => (stage.state === 'running' ? endStage(stage, state, line) : stage));
  return { ...log, stages, end: { code, ...(log.error === undefined ? {} : { error: log.error }) } };
}

const textOf = ({ text }: ProgressLine): { readonly text?: string } => (text === undefined ? {} : { text });

function parseLine(text: string): ProgressLine | undefined {
  const value = parseJson(text);
  if (value === undefined || typeof value.event !== 'string') return undefined;
  const { event, id, name, time, text: said, expectedMs, code } = value;
  return {
    event,
    id: typeof id === 'string' ? id : '',
    name: typeof name === 'string' ? plainText(name) : '',
    time: typeof time === 'number' ? time : 0,
    ...(typeof said === 'string' ? { text: plainText(said) } : {}),
    ...(typeof expectedMs === 'number' ? { expectedMs } : {}),
    ...(typeof code === 'number' ? { code } : {}),
  };
}

function parseJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    // An object of JSON has string keys; each value is checked where it is taken.
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
