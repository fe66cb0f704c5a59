import type { ConfigProblem } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { actOf, readCommandLine } from './command-line.ts';
import { type Block, readBlocks } from './page-blocks.ts';
import { readPageRemark, readStepRemark, type StepRemark } from './remarks.ts';
import type { Tutorial, TutorialCommand, TutorialPart, TutorialStep } from './types.ts';

export type PageRead =
  | { readonly ok: true; readonly tutorial: Tutorial }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads a tutorial from its Markdown page; undefined if the page has no `drover-tutorial` comment. `page` is its path
 * in messages, `name` the name of its folder. Pure; every problem has a line.
 */
export function readPage(markdown: string, page: string, name: string): PageRead | undefined {
  const blocks = readBlocks(markdown);
  const about = blocks.find((each) => each.kind === 'remark' && each.about === 'tutorial');
  if (about?.kind !== 'remark') return undefined;
  const front = readPageRemark(about, page);
  const reader = createReader(page);
  for (const block of blocks) reader.take(block);
  const { parts, steps, problems } = reader.end();
  const all = [...front.problems, ...problems].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  if (all.length > 0 || front.value === undefined) return { ok: false, problems: all };
  const title = blocks.find((each) => each.kind === 'heading' && each.level === 1);
  return {
    ok: true,
    tutorial: { name, page, title: title?.kind === 'heading' ? title.text : name, ...front.value, parts, steps },
  };
}

interface Draft {
  readonly title: string;
  readonly line: number;
  folder?: string;
  steps: number;
}

/** Reports a problem at a line of the page. */
type Complain = (line: number, message: string, hint?: string) => undefined;

/** Collects parts and steps from the blocks of a page, taken in order. */
function createReader(page: string) {
  const problems: ConfigProblem[] = [];
  const drafts: Draft[] = [];
  const steps: (TutorialStep & { after: string[] })[] = [];
  let text: string[] = [];
  let remark: { readonly value: StepRemark; readonly line: number } | undefined;
  const complain: Complain = (line, message, hint) => {
    problems.push({ file: page, line, column: 1, path: '', message, ...defined({ hint }) });
    return undefined;
  };

  const takeConsole = ({ line, commands: lines }: Extract<Block, { kind: 'console' }>): undefined => {
    const part = drafts.at(-1);
    if (part === undefined) return complain(line, 'a console block must stand below a heading `## …`');
    if (remark === undefined) {
      return complain(line, 'a console block needs a remark above it', 'write <!-- drover: {title: …, check: […]} -->');
    }
    const commands = lines.flatMap((each) => readCommand(each, complain) ?? []);
    part.steps += 1;
    steps.push({
      id: `${drafts.length}.${part.steps}`,
      part: drafts.length - 1,
      title: remark.value.title,
      line,
      text,
      commands,
      checks: remark.value.checks,
      ...defined({ hint: remark.value.hint }),
      after: [],
    });
    requireCheckedCommands(remark, commands, complain);
    takeFolder(part, commands, complain);
    text = [];
    remark = undefined;
    return undefined;
  };

  return {
    take(block: Block): void {
      if (block.kind === 'heading' && block.level === 2) {
        drafts.push({ title: block.text.replace(/^Part \d+:\s*/, ''), line: block.line, steps: 0 });
        text = [];
      } else if (block.kind === 'text') {
        // Text after a block may explain its result or introduce the next one, so both steps show it.
        text.push(block.text);
        if (drafts.at(-1)?.steps !== 0) steps.at(-1)?.after.push(block.text);
      } else if (block.kind === 'remark' && block.about === 'step') {
        const read = readStepRemark(block, page);
        problems.push(...read.problems);
        if (read.value !== undefined) remark = { value: read.value, line: block.line };
      } else if (block.kind === 'console') takeConsole(block);
    },
    end() {
      if (remark !== undefined) complain(remark.line, 'no console block follows this remark');
      const parts = partsOf(drafts, complain);
      if (steps.length === 0) complain(1, 'a tutorial needs a step');
      if (drafts.some((each) => each.steps === 0)) renumber(drafts, steps);
      return { parts, steps: steps.map(withLastAfter), problems };
    },
  };
}

function requireCheckedCommands(
  { value, line }: { readonly value: StepRemark; readonly line: number },
  commands: readonly TutorialCommand[],
  complain: Complain,
): void {
  for (const check of value.checks) {
    if (check.kind === 'prints' && !commands.some((each) => each.text === check.command)) {
      complain(line, `the block below has no command "${check.command}"`, 'copy the command from the block');
    }
  }
}

/** The folder of a part is the one that its commands name. */
function takeFolder(part: Draft, commands: readonly TutorialCommand[], complain: Complain): void {
  for (const { act, line } of commands) {
    if (act.kind === 'other') continue;
    if (part.folder !== undefined && part.folder !== act.folder)
      complain(line, 'the commands of a part must use one folder');
    part.folder = act.folder;
  }
}

/** A part whose commands name no folder uses the folder of the part before it. */
function partsOf(drafts: readonly Draft[], complain: Complain): readonly TutorialPart[] {
  const parts: TutorialPart[] = [];
  for (const { title, line, folder } of drafts.filter((each) => each.steps > 0)) {
    const known = folder ?? parts.at(-1)?.folder;
    if (known === undefined) complain(line, 'this part applies no files', 'give a command with -C FOLDER');
    else parts.push({ title, folder: known });
  }
  return parts;
}

/** Only the last step of a part keeps the text that follows it: other text leads to the next step. */
function withLastAfter(step: TutorialStep, index: number, steps: readonly TutorialStep[]): TutorialStep {
  return steps[index + 1]?.part === step.part ? { ...step, after: [] } : step;
}

/** A heading without steps is not a part: the others are numbered without it. */
function renumber(drafts: readonly Draft[], steps: (TutorialStep & { after: string[] })[]): void {
  const numbers = new Map<number, number>();
  for (const [index, { steps: own }] of drafts.entries()) if (own > 0) numbers.set(index, numbers.size);
  for (const [index, step] of steps.entries()) {
    const part = numbers.get(step.part) ?? step.part;
    steps[index] = { ...step, part, id: `${part + 1}.${step.id.split('.')[1]}` };
  }
}

function readCommand(
  { line, command, expected }: Extract<Block, { kind: 'console' }>['commands'][number],
  complain: Complain,
): TutorialCommand | undefined {
  const read = readCommandLine(command);
  if (read === undefined) return complain(line, 'this command has an open quotation mark');
  return { text: command, line, expected, act: actOf(read) };
}
