import { printProblems } from '../config/problems.ts';
import type { Engine } from '../engine/types.ts';
import { type Config, type ConfigProblem, type DeploymentName, findNode } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import type { Printed } from '../model/plain-text.ts';
import { closest } from '../view/closest.ts';
import { nodeTitle } from '../view/wording.ts';
import { chooseFiles, type FileOptions, requireConfig } from './files.ts';
import { type Stops, withInterrupts } from './interrupt.ts';
import { createJsonRenderer } from './renderers/json.ts';
import { createPlainRenderer, type Renderer } from './renderers/plain.ts';
import { joined, type Paint, printed } from './style.ts';
import type { EngineOptions, FileChoice, World } from './world.ts';

/** The options every verb has. */
export interface CommonOptions extends FileOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly yes: boolean;
}

/** One call of the program: what a verb gets besides its own arguments. */
export interface Invocation {
  readonly world: World;
  readonly options: CommonOptions;
  readonly paint: Paint;
  /** `--allow-removal`: stopping most of what runs is meant. */
  readonly allowsRemoval?: boolean;
  /** `--take-over`: what the files describe is taken over from this deployment. */
  readonly takesOver?: DeploymentName;
  /** As it was typed, for the lines that nodes keep. */
  readonly verb?: string;
}

/** Opens the engine on the chosen files and closes it again, whatever happens. */
export async function withEngine<T>(
  { world, options, allowsRemoval = false, takesOver, verb }: Invocation,
  manner: 'gentle' | 'prompt',
  work: (engine: Engine, files: FileChoice, stops: Stops) => Promise<T>,
  engineOptions: EngineOptions = {},
): Promise<T> {
  const files = await chooseFiles(options, world);
  const engine = await world.openEngine(files, {
    ...engineOptions,
    allowsRemoval,
    ...defined({ takesOver, verb }),
  });
  const keep = world.journal?.listen(engine, files, world);
  try {
    return await withInterrupts(world, manner, (stops) => work(engine, files, stops));
  } finally {
    await engine.close();
    await keep?.();
  }
}

export function createRenderer({ world, options, paint }: Invocation, clock: boolean): Renderer {
  return options.json ? createJsonRenderer(world) : createPlainRenderer(world, { quiet: options.quiet, clock }, paint);
}

/** Prints text for people: not with --json or --quiet. */
export function say({ world, options }: Pick<Invocation, 'world' | 'options'>, text: Printed): void {
  if (!options.json && !options.quiet) world.terminal.out(text);
}

/** The configuration of the chosen files. Throws `FilesWrong`. */
export const configOf = async ({ world, options }: Invocation): Promise<Config> =>
  requireConfig(await chooseFiles(options, world), world);

/** Prints problems of the files to standard error. */
export function printProblemsTo({ terminal }: Pick<World, 'terminal'>, problems: readonly ConfigProblem[]): void {
  terminal.err(joined(printProblems(problems, { color: terminal.colour }), printed`\n`));
}

/** Throws `usage` where no node has that name or address. */
export function requireNode(config: Config, word: string): string {
  const node = findNode(config, word);
  if (node !== undefined) return node;
  const known = Object.keys(config.nodes).toSorted();
  throw new AppError('usage', `cannot find node "${word}": neither the files nor drover.yml name it`, {
    hint: `choose one of ${known.map((each) => nodeTitle(config, each)).join(', ')}`,
  });
}

/** Throws `usage` where application.yml has no such application. */
export function requireApplication(config: Config, word: string): string {
  const names = Object.keys(config.applications);
  if (Object.hasOwn(config.applications, word)) return word;
  const near = closest(word, names);
  throw new AppError('usage', `cannot find application "${word}": application.yml does not have it`, {
    hint: near === undefined ? `choose one of ${names.toSorted().join(', ')}` : `did you mean "${near}"?`,
  });
}
