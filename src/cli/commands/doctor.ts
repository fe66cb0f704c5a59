import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { judge } from '../../view/doctor/doctor.ts';
import type { Finding } from '../../view/doctor/finding.ts';
import { alignRows, cell, type TableRow, type Tone } from '../../view/lines.ts';
import { count, namesOf, nodeTitle } from '../../view/wording.ts';
import { printResult } from '../act-on.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { FilesWrong } from '../files.ts';
import { configOf, type Invocation, requireNode, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printer, printLines } from '../style.ts';

export interface DoctorOptions {
  /** Only observes the nodes: tests no connections. */
  readonly quick: boolean;
}

/** Examines all nodes, or one, and prints the command that fixes each fault. Changes nothing. */
export async function doctor(
  invocation: Invocation,
  word: string | undefined,
  { quick }: DoctorOptions,
): Promise<ExitCode> {
  const { world, options, paint } = invocation;
  // Progress is for people at a terminal.
  const showsStages = world.terminal.moving && !options.quiet && !options.json;
  const onStage = (text: string): void => world.terminal.err(printer(paint)`  ${cell('examining', 'faint')} ${text}\n`);
  const result = await withEngine(invocation, 'prompt', async (engine, files, { hard }) => {
    const loaded = word === undefined ? undefined : await world.readConfig(files);
    const only = word !== undefined && loaded?.ok === true ? requireNode(loaded.config, word) : undefined;
    const given = { quick, ...defined({ only }), ...(showsStages ? { onStage } : {}) };
    const examined = await engine.examine(given, hard);
    return examined.ok ? { ...examined, ...defined({ only }) } : examined;
  });
  if (!result.ok) throw new FilesWrong(result.problems);
  const { config, only } = result;
  const findings = judge({ ...result, ...defined({ provisionPath: world.provisionPath }) }, only);
  const faults = findings.filter(({ result: is }) => is === 'fault').length;
  if (options.json) {
    printJson(world, { ok: faults === 0, findings });
  } else {
    const shown = options.quiet ? findings.filter(({ result: is }) => is !== 'ok') : findings;
    const names = namesOf(config);
    world.terminal.out(printLines(findingRows(shown, names.node), paint));
    if (!options.quiet) world.terminal.out(printed`${summary(findings, faults)}\n`);
  }
  return faults === 0 ? exitCode.done : exitCode.failed;
}

/** Switches a node off with its fence and checks that it is silent; refused without `--really`. */
export async function testFence(
  invocation: Invocation,
  word: string,
  { really }: { readonly really: boolean },
): Promise<ExitCode> {
  const config = await configOf(invocation);
  const node = requireNode(config, word);
  const title = nodeTitle(config, node);
  if (!really) {
    throw new AppError('usage', `cannot test the fence of ${title}: it switches the node off`, {
      hint: `move its applications away first (drover drain ${title}), then add --really`,
    });
  }
  const test = await withEngine(invocation, 'prompt', (engine, _files, { hard }) => engine.testFence(node, hard));
  const { code, output, command, reachedFrom } = test;
  const works = code === 0 && reachedFrom.length === 0;
  const said = output === '' ? [] : [`  it printed: ${output}`];
  const text =
    code !== 0
      ? `✘ the fence of ${title} exited with ${code}: ${command}`
      : reachedFrom.length > 0
        ? `✘ the fence of ${title} exited with 0, but ${title} can be reached (${reachedFrom.join(', ')}): ${command}`
        : `✔ the fence of ${title} works: it exited with 0, and ${title} was silent 10 s later`;
  printResult(invocation, { text: [text, ...said], data: { ok: works, node, ...test } });
  return works ? exitCode.done : exitCode.failed;
}

const signs: Readonly<Record<Finding['result'], readonly [sign: string, tone: Tone]>> = {
  ok: ['✔', 'ok'],
  warning: ['!', 'warning'],
  fault: ['✘', 'fault'],
};

function findingRows(findings: readonly Finding[], name: (node: string) => string): readonly TableRow[] {
  const heads = findings.map(({ node, check, result, text }): TableRow => {
    const [sign, tone] = signs[result];
    return [cell(sign, tone), cell(node === undefined ? '' : name(node), 'strong'), cell(check), cell(text)];
  });
  const aligned = alignRows(heads);
  return findings.flatMap(({ command }, i): readonly TableRow[] => {
    const row = aligned[i] ?? [];
    return command === undefined ? [row] : [row, [cell('  '), cell(`run: ${command}`, 'working')]];
  });
}

function summary(findings: readonly Finding[], faults: number): string {
  const warnings = findings.filter(({ result }) => result === 'warning').length;
  if (faults + warnings === 0) return 'no faults found';
  return `${count(faults, 'fault')}, ${count(warnings, 'warning')}`;
}
