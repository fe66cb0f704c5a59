import { AppError } from '../../model/errors.ts';
import { diffLines } from '../../view/diff.ts';
import { line } from '../../view/lines.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { type Invocation, say } from '../invocation.ts';
import { type Proposal, type ProposedFile, proposeDeployment } from '../new-deployment.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printLines } from '../style.ts';
import type { World } from '../world.ts';

export interface InitOptions {
  /** Addresses or names of nodes, each with `USER@` if needed. */
  readonly node?: readonly string[];
  readonly dryRun?: boolean;
}

/** Creates deployment.yml for the application file of the folder. Contacts no node. */
export async function init(invocation: Invocation, { node = [], dryRun = false }: InitOptions): Promise<ExitCode> {
  const { world, options } = invocation;
  const proposal = await proposeWithQuestion(invocation, node);
  if (!dryRun) await writeProposal(world, proposal);
  if (options.json) {
    const files = proposal.files.map(({ file, text }) => ({ file, text }));
    printJson(world, { ok: true, written: !dryRun, application: proposal.application, nodes: proposal.nodes, files });
    return exitCode.done;
  }
  for (const each of proposal.files) show(invocation, each);
  say(
    invocation,
    dryRun
      ? printed`nothing was written (--dry-run)\n`
      : printed`next: \`drover plan\` shows what will happen; \`drover apply\` does it\n`,
  );
  return exitCode.done;
}

/** Asks for the address of a node if none is known. Throws `usage` without a terminal. */
async function proposeWithQuestion(invocation: Invocation, words: readonly string[]): Promise<Proposal> {
  const { world, options } = invocation;
  const proposal = await proposeDeployment(invocation, words);
  if (!proposal.isPlaceholder) return proposal;
  const answer =
    options.json || options.yes
      ? undefined
      : await world.terminal.ask?.(printed`Which host is your first node? Its address, or USER@ADDRESS: `);
  const given = (answer ?? '')
    .trim()
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  if (given.length > 0) return proposeDeployment(invocation, given);
  throw new AppError('usage', 'cannot create deployment.yml: no node is known', {
    hint: 'name your hosts: `drover init --node 192.0.2.11 192.0.2.12`; or try it on a lab: `npm start` in drover’s folder',
  });
}

/** Creates the files of a proposal; none of them is overwritten. Throws `usage` if a new one exists by now. */
export async function writeProposal(
  { createText, replaceText }: Pick<World, 'createText' | 'replaceText'>,
  { files }: Pick<Proposal, 'files'>,
): Promise<void> {
  // drover.yml first: a deployment file whose nodes have no settings would be applied by a watching drover.
  for (const { file, text, before } of files.toReversed()) {
    if (before === undefined) await createText(file, text);
    else await replaceText(file, text);
  }
}

function show(invocation: Invocation, { file, text, before }: ProposedFile): void {
  const lines =
    before === undefined
      ? text
          .trimEnd()
          .split('\n')
          .map((each) => line(`  ${each}`, each.trimStart().startsWith('#') ? 'faint' : undefined))
      : diffLines(before, text);
  const title = before === undefined ? `${file} (new)` : file;
  say(invocation, printLines([line(title, 'strong'), ...lines], invocation.paint));
}
