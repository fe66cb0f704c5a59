import { defined } from '../../model/defined.ts';
import { judge } from '../../view/doctor/doctor.ts';
import type { Finding } from '../../view/doctor/finding.ts';
import { alignRows, cell, type TableRow, type Tone } from '../../view/lines.ts';
import { count, namesOf } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { FilesWrong } from '../files.ts';
import { type Invocation, requireNode, withEngine } from '../invocation.ts';
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
