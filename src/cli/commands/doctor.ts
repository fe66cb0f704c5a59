import { examine, type Finding } from '../../view/doctor.ts';
import { alignRows, cell, type Row, type Tone } from '../../view/lines.ts';
import { count, namesOf } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { type Invocation, reportProblems, requireNode, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printLines } from '../style.ts';

/** Examines every node (or one) and names the command that mends what is wrong. Changes nothing. */
export async function doctor(invocation: Invocation, word: string | undefined): Promise<ExitCode> {
  const { world, options, paint } = invocation;
  const result = await withEngine(invocation, 'prompt', (engine, _files, { hard }) => engine.observe(hard));
  if (!result.ok) return reportProblems(invocation, result.problems);
  const { config, state } = result;
  const only = word === undefined ? undefined : requireNode(config, word);
  const findings = examine(config, state, only);
  const faults = findings.filter(({ result: is }) => is === 'fault').length;
  if (options.json) {
    printJson(world, { ok: faults === 0, findings });
  } else {
    const shown = options.quiet ? findings.filter(({ result: is }) => is !== 'ok') : findings;
    const names = namesOf(config);
    world.terminal.out(printLines(findingRows(shown, names.node), paint));
    if (!options.quiet) world.terminal.out(`${summary(findings, faults)}\n`);
  }
  return faults === 0 ? exitCode.done : exitCode.failed;
}

const signs: Readonly<Record<Finding['result'], readonly [sign: string, tone: Tone]>> = {
  ok: ['✔', 'ok'],
  warning: ['!', 'warning'],
  fault: ['✘', 'fault'],
};

function findingRows(findings: readonly Finding[], name: (node: string) => string): readonly Row[] {
  const heads = findings.map(({ node, check, result, text }): Row => {
    const [sign, tone] = signs[result];
    return [cell(sign, tone), cell(node === undefined ? '' : name(node), 'strong'), cell(check), cell(text)];
  });
  const aligned = alignRows(heads);
  return findings.flatMap(({ command }, i): readonly Row[] => {
    const row = aligned[i] ?? [];
    return command === undefined ? [row] : [row, [cell('  '), cell(`run: ${command}`, 'working')]];
  });
}

function summary(findings: readonly Finding[], faults: number): string {
  const warnings = findings.filter(({ result }) => result === 'warning').length;
  if (faults + warnings === 0) return 'everything examined is well';
  return `${count(faults, 'fault')}, ${count(warnings, 'warning')}`;
}
