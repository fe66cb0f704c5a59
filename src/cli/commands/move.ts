import type { Config } from '../../model/config.ts';
import { nodeOf } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { MoveReceipt, RunOutcome } from '../../model/events.ts';
import { diffLines } from '../../view/diff.ts';
import { nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode, exitCodeOf } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { type Invocation, reportProblems, requireApplication, requireNode, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printLines } from '../style.ts';
import { converge } from './apply.ts';

export interface MoveOptions {
  /** False: only the file is edited. */
  readonly apply: boolean;
}

interface Edit {
  readonly app: string;
  readonly from: string | null;
  readonly to: string;
  readonly file: string;
  readonly diff: readonly string[];
}

/** Places an application on another node: edits deployment.yml (everything else in it stays), then applies. */
export async function move(
  invocation: Invocation,
  appWord: string,
  nodeWord: string,
  { apply }: MoveOptions,
): Promise<ExitCode> {
  const { world, options } = invocation;
  const files = await chooseFiles(options, world);
  const read = await world.readConfig(files);
  if (!read.ok) return reportProblems(invocation, read.problems);
  const app = requireApplication(read.config, appWord);
  const edit = await editFile(invocation, files.deployment, read.config, app, requireNode(read.config, nodeWord));
  if (!apply) {
    if (options.json) printJson(world, { ok: true, ...edit, applied: false });
    return exitCode.done;
  }
  const { outcome, receipts } = await run(invocation);
  if (options.json) printJson(world, { ok: outcome.result === 'converged', ...edit, applied: true, outcome, receipts });
  return exitCodeOf(outcome);
}

/** Edits the deployment file and shows the change. Throws `usage` where the file is written in a way that is not known. */
export async function editFile(
  invocation: Invocation,
  file: string,
  config: Config,
  app: string,
  to: string,
): Promise<Edit> {
  const { world, options, paint } = invocation;
  const from = nodeOf(config, app);
  const say = (text: string): void => {
    if (!options.json && !options.quiet) world.terminal.out(text);
  };
  if (from === to) {
    say(`"${app}" is on ${nodeTitle(config, to)} in ${file} already\n`);
    return { app, from, to, file, diff: [] };
  }
  const before = await world.readText(file);
  const edited = await world.moveApplication(before, app, to);
  if ('problem' in edited) {
    throw new AppError('usage', `cannot move "${app}" to ${nodeTitle(config, to)} in "${file}": ${edited.problem}`, {
      hint: `change the file by hand, then run \`drover apply\``,
    });
  }
  await world.replaceText(file, edited.text);
  const diff = diffLines(before, edited.text);
  say(`${paint(file, 'strong')}\n${printLines(diff, paint)}`);
  return { app, from: from ?? null, to, file, diff: diff.map(({ text }) => text) };
}

/** With --json there is one document at the end, and no line for each event. */
function run(invocation: Invocation): Promise<{ outcome: RunOutcome; receipts: readonly MoveReceipt[] }> {
  return withEngine(invocation, 'gentle', async (engine, _files, stops) => {
    const receipts: MoveReceipt[] = [];
    const forget = engine.onEvent((event) => {
      if (event.type === 'move-finished') receipts.push(event.receipt);
    });
    try {
      const outcome = invocation.options.json
        ? await engine.converge(stops.hard, stops.soft)
        : await converge(invocation, engine, stops);
      return { outcome, receipts };
    } finally {
      forget();
    }
  });
}
