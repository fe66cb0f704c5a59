import { AppError } from '../../model/errors.ts';
import type { AuditLine, RunRecord } from '../../model/history.ts';
import { alignRows, cell, type Line, line, numberCell, type TableRow } from '../../view/lines.ts';
import { receiptLines } from '../../view/run/receipt-lines.ts';
import { count, formatDuration, namesOf } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { configOf, type Invocation, requireNode, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { journalKey } from '../run-journal.ts';
import { printLines } from '../style.ts';

/** Lists earlier runs of these files, newest last, or shows one of them with its steps. */
export async function history(invocation: Invocation, word: string | undefined): Promise<ExitCode> {
  const { world, options, paint } = invocation;
  const files = await chooseFiles(options, world);
  const records = (await world.journal?.read(journalKey(files, world))) ?? [];
  const one = word === undefined ? undefined : findRun(records, word);
  // The recorded texts may contain passwords, and are for undo only.
  if (options.json) printJson(world, { ok: true, runs: (one === undefined ? records : [one]).map(withoutTexts) });
  else world.terminal.out(printLines(one === undefined ? listLines(records) : runLines(one), paint));
  return exitCode.done;
}

/** Lists the runs that a node has recorded, also those of other people and files. Newest last; only `run` if given. */
export async function nodeHistory(invocation: Invocation, word: string, run: string | undefined): Promise<ExitCode> {
  const { world, options, paint } = invocation;
  const node = requireNode(await configOf(invocation), word);
  const all = await withEngine(invocation, 'prompt', (engine, _files, { hard }) => engine.audit(node, hard));
  const lines = run === undefined ? all : all.filter((one) => one.run.startsWith(run));
  if (options.json) printJson(world, { ok: true, node, lines });
  else world.terminal.out(printLines(auditLines(lines), paint));
  return exitCode.done;
}

function auditLines(lines: readonly AuditLine[]): readonly (Line | TableRow)[] {
  if (lines.length === 0) return [line('the node has no recorded run')];
  return alignRows(
    lines.map(({ at, event, run, deployment, verb, by, from, result }) => [
      cell(at),
      cell(result ?? event, isGood(result) ? 'ok' : 'fault'),
      cell(deployment, 'strong'),
      cell(verb),
      cell(`${by} from ${from}`),
      cell(run, 'faint'),
    ]),
  );
}

const isGood = (result: string | undefined): boolean => [undefined, 'converged', 'done'].includes(result);

const withoutTexts = ({ files: _files, ...rest }: RunRecord): Omit<RunRecord, 'files'> => rest;

/** Finds a run by its id, the beginning of its id, or `last`. */
function findRun(records: readonly RunRecord[], word: string): RunRecord {
  const found = word === 'last' ? records.slice(-1) : records.filter(({ id }) => id.startsWith(word));
  const [first, another] = found;
  if (first !== undefined && another === undefined) return first;
  const why = first === undefined ? 'there is no such run' : `${found.length} runs have ids that begin like this`;
  throw new AppError('usage', `cannot show run "${word}": ${why}`, { hint: 'see `drover history`' });
}

function listLines(records: readonly RunRecord[]): readonly (Line | TableRow)[] {
  if (records.length === 0) return [line('no run of these files is recorded')];
  return alignRows(
    records.map(({ id, steps, result, summary }) => [
      cell(id, 'strong'),
      numberCell(count(steps.length, 'step')),
      cell(summary, result === 'converged' ? 'ok' : 'fault'),
    ]),
  );
}

function runLines({
  id,
  startedAt,
  endedAt,
  summary,
  result,
  steps,
  receipts,
}: RunRecord): readonly (Line | TableRow)[] {
  const took = formatDuration(endedAt - startedAt);
  return [
    line(`${id}  ${new Date(startedAt).toISOString()}, ${took}`, 'strong'),
    line(summary, result === 'converged' ? 'ok' : 'fault'),
    ...alignRows(
      steps.map((step) => [
        cell(`  ${step.result}`, step.result === 'succeeded' ? 'ok' : 'fault'),
        numberCell(step.durationMs === undefined ? '' : formatDuration(step.durationMs)),
        cell(step.text),
      ]),
    ),
    ...receipts.flatMap((receipt) => receiptLines(receipt, namesOf(undefined))),
  ];
}
