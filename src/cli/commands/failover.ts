import { parseSpan } from '../../config/values.ts';
import type { Engine, FailoverLook, FailoverReport, FailoverWay } from '../../engine/types.ts';
import type { AppName, Config, NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { FailoverProof } from '../../model/failover.ts';
import { movesWith } from '../../model/shared-volumes.ts';
import { describeAction, formatClock, formatDuration, namesOf, nodeTitle, shortDuration } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { configOf, type Invocation, requireApplication, requireNode, say, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed } from '../style.ts';
import type { FileChoice } from '../world.ts';
import { editDeployment } from './move.ts';

export interface FailoverOptions {
  readonly to?: string;
  readonly node?: string;
  readonly fencedBy?: string;
  readonly poweredOff?: true;
  readonly iHavePoweredItOff?: string;
  readonly acceptLoss?: string | true;
  readonly alone?: true;
  readonly dryRun?: true;
}

/** Starts one application, or all of a lost node, from the copies on other nodes. */
export async function failover(
  invocation: Invocation,
  word: string | undefined,
  options: FailoverOptions,
): Promise<ExitCode> {
  const config = await configOf(invocation);
  if ((word === undefined) === (options.node === undefined)) {
    throw new AppError('usage', 'cannot fail over: give an application, or --node', {
      hint: 'such as `drover failover db --to node2`, or `drover failover --node node1`',
    });
  }
  const app = word === undefined ? undefined : requireApplication(config, word);
  const to = options.to === undefined ? undefined : requireNode(config, options.to);
  const lost = options.node === undefined ? undefined : requireNode(config, options.node);
  return withEngine(invocation, 'gentle', async (engine, files, { hard }) => {
    const apps = app === undefined ? await engine.applicationsOn(lost ?? '', hard) : [app];
    const call: Call = { invocation, config, options, files, proofs: new Map() };
    const reports: FailoverReport[] = [];
    for (const each of apps) {
      // What shares a volume with an earlier one has come with it.
      if (reports.some((report) => movesWith(config, report.app).includes(each))) continue;
      const report = await failOver(call, engine, each, to, hard).catch((error: unknown) =>
        Promise.reject(withRest(error, reports, apps, each)),
      );
      reports.push(report);
    }
    if (apps.length === 0) say(invocation, printed`${nodeTitle(config, lost ?? '')} has no application\n`);
    if (invocation.options.json) printJson(invocation.world, { ok: true, failovers: reports.map(summaryOf) });
    return exitCode.done;
  });
}

interface Call {
  readonly invocation: Invocation;
  readonly config: Config;
  readonly options: FailoverOptions;
  readonly files: FileChoice;
  /** Proofs of this call: a node that has several applications is cut off once. */
  readonly proofs: Map<NodeName, FailoverProof>;
}

/** The error, with what was done before it and what is left. */
function withRest(error: unknown, done: readonly FailoverReport[], apps: readonly AppName[], at: AppName): unknown {
  const left = apps.slice(apps.indexOf(at) + 1);
  if (!(error instanceof AppError) || apps.length === 1) return error;
  const parts = [
    ...(done.length === 0 ? [] : [`done: ${done.map(({ app }) => app).join(', ')}`]),
    ...(left.length === 0 ? [] : [`not tried: ${left.join(', ')}`]),
  ];
  return new AppError(error.code, [error.message, ...parts].join('; '), {
    ...defined({ hint: error.hint, details: error.details }),
    retryable: error.retryable,
    cause: error,
  });
}

async function failOver(
  call: Call,
  engine: Engine,
  app: AppName,
  to: NodeName | undefined,
  signal: AbortSignal,
): Promise<FailoverReport> {
  const { invocation, config, options, proofs } = call;
  const names = namesOf(config);
  const report = await engine.acts.failOver(
    {
      app,
      ...defined({ to }),
      isAlone: options.alone === true,
      isDryRun: options.dryRun === true,
      onStage: (stage, text) => say(invocation, printed`${stage.padEnd(8)} ${text}\n`),
      onEvent: (event) => {
        if (event.type === 'step-output') say(invocation, printed`         ${event.line}\n`);
      },
      accept: (look) => acceptLoss(call, look),
      prove: (node, look) => prove(call, node, look),
      onTaken: (node) => place(call, app, node),
    },
    signal,
  );
  for (const proof of report.proofs) proofs.set(proof.node, proof);
  if (options.dryRun !== true) return report;
  say(invocation, printed`${lossText(call, report)}\n`);
  const steps = [
    ...report.volumes.map(({ dataset, epoch }) => `take ${dataset} over with epoch ${epoch}`),
    ...report.plan.steps.map(({ action }) => describeAction(action, names)),
    `place "${app}" on ${nodeTitle(config, report.to)} in ${call.files.deployment}`,
  ];
  for (const step of steps) say(invocation, printed`  ${step}\n`);
  for (const { reason } of report.plan.blocked) say(invocation, printed`  blocked: ${reason}\n`);
  return report;
}

const lossText = ({ invocation, config }: Call, { app, to, lostSince }: FailoverLook): string =>
  lostSince === undefined
    ? `"${app}" loses nothing`
    : `"${app}" on ${nodeTitle(config, to)} loses everything since ${formatClock(lostSince)} (${ageText(invocation, lostSince)})`;

const ageText = ({ world }: Invocation, at: number): string => formatDuration(Math.max(0, world.now() - at));

/** Throws `usage` unless the loss is accepted: by `lose` of its standby, with the option, or by typing the age. */
async function acceptLoss(call: Call, look: FailoverLook): Promise<void> {
  const { invocation, options } = call;
  const { lostSince } = look;
  if (lostSince === undefined) return;
  const age = invocation.world.now() - lostSince;
  const declared = call.config.standbys?.[look.app]?.loseMs;
  if (declared !== undefined && age <= declared) return;
  const refuse = (hint: string): AppError =>
    new AppError('usage', `cannot fail "${look.app}" over: ${lossText(call, look)}`, { hint });
  if (options.acceptLoss === true) return;
  if (options.acceptLoss !== undefined) {
    const most = parseSpan(options.acceptLoss);
    if (!most.ok) throw new AppError('usage', `cannot read --accept-loss: ${most.message}`, { hint: 'such as 10m' });
    if (age <= most.value) return;
    throw refuse(`the copy is older than ${options.acceptLoss}; look for a newer one: drover volumes ${look.app}`);
  }
  const word = shortDuration(age);
  const question = printed`${lossText(call, look)}. Type ${word} to accept that: `;
  const answer = invocation.options.json ? undefined : await invocation.world.terminal.ask?.(question);
  if (answer?.trim() !== word) throw refuse('add --accept-loss to accept that');
}

/** How it is proven that the node is off: by the options, by `fence` in drover.yml, or by a person who types its name. */
async function prove({ invocation, config, options, proofs }: Call, node: NodeName, look: FailoverLook) {
  const proof = proofs.get(node);
  if (proof !== undefined) return { kind: 'proven', proof } satisfies FailoverWay;
  const title = nodeTitle(config, node);
  const refuse = (why: string, hint: string): AppError =>
    new AppError('usage', `cannot fail "${look.app}" over: ${why}`, { hint });
  if (options.iHavePoweredItOff !== undefined) {
    if (requireNode(config, options.iHavePoweredItOff) === node) return { kind: 'powered-off' } satisfies FailoverWay;
    throw refuse(`${title} is the lost node, not "${options.iHavePoweredItOff}"`, `--i-have-powered-it-off ${node}`);
  }
  if (options.poweredOff !== true) {
    const command = options.fencedBy ?? config.nodes[node]?.fence;
    if (command !== undefined) return { kind: 'fence', command } satisfies FailoverWay;
  }
  const word = config.nodes[node]?.name ?? node;
  const ways = '--fenced-by COMMAND, or switch it off and add --i-have-powered-it-off';
  const question = printed`If ${title} still runs "${look.app}", two copies are written from now on, and one of them is lost.
Type ${word} to say that it is switched off and stays off: `;
  const answer = invocation.options.json ? undefined : (await invocation.world.terminal.ask?.(question))?.trim();
  if (answer === word || (answer !== undefined && answer === node))
    return { kind: 'powered-off' } satisfies FailoverWay;
  throw refuse(`nothing proves that ${title} is off`, `${ways} ${word}`);
}

/** Edits deployment.yml as `drover move` does. A file that cannot be edited does not keep the application down. */
async function place({ invocation, config, files }: Call, app: AppName, to: NodeName): Promise<void> {
  try {
    await editDeployment(invocation, files.deployment, config, app, to);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const hint = `place "${app}" on ${nodeTitle(config, to)} in ${files.deployment} yourself`;
    invocation.world.terminal.err(printed`drover: ${error.message}\n  hint: ${hint}\n`);
  }
}

const summaryOf = ({ plan, ...report }: FailoverReport) => ({
  ...report,
  steps: plan.steps.map(({ id }) => id),
  blocked: plan.blocked,
});
