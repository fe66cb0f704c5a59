import type { Container, NodeFacts, Volume } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { Check, Tutorial } from './types.ts';

/** The observed cluster, and the results of connections and commands from outside. */
export interface Findings {
  readonly view: Pick<ClusterView, 'config' | 'nodes' | 'plan' | 'running' | 'steps' | 'problems'>;
  /** By `node port`, with the page's node names; absent: not tried yet. */
  readonly ports: Readonly<Record<string, 'accepted' | 'refused' | 'held'>>;
  /** By the command as the page shows it; absent: not run yet. */
  readonly printed: Readonly<Record<string, Printed>>;
}

export interface Printed {
  /** It ended with status 0 and printed what the page shows. */
  readonly matches: boolean;
  /** One line: the last line of other output, or why it did not run. */
  readonly instead?: string;
}

/** A check in words, and whether it holds. */
export interface Verdict {
  readonly text: string;
  readonly holds: boolean;
  /** Why it does not hold, if known. */
  readonly why?: string;
}

export const portKey = (node: string, port: number): string => `${node} ${port}`;

/** The verdict of one check. Pure. A check on a node that does not answer does not hold. */
export function judge(check: Check, findings: Findings, { nodes }: Pick<Tutorial, 'nodes'>): Verdict {
  const { view } = findings;
  switch (check.kind) {
    case 'running':
      return onNode(`"${check.app}" runs on ${check.on}`, view, keyOf(view, nodes, check.on), (facts) =>
        facts.containers.some((each) => runs(each, check.app)),
      );
    case 'stopped':
      return stopped(check, findings, nodes);
    case 'owned':
      return owned(check, findings, nodes);
    case 'converged':
      return converged(view);
    case 'answers':
      return answers(check, findings);
    case 'prints':
      return prints(check, findings);
  }
}

/** True if all of them hold. */
export const allHold = (verdicts: readonly Verdict[]): boolean => verdicts.every(({ holds }) => holds);

/** The key of the node with this name on the page: found by its name in the files, or by its address. */
export function keyOf(view: Findings['view'], nodes: Tutorial['nodes'], name: string): NodeName | undefined {
  const keys = new Set([...Object.keys(view.config?.nodes ?? {}), ...Object.keys(view.nodes)]);
  return [...keys].find((key) => key === name || view.config?.nodes[key]?.name === name || key === nodes[name]);
}

const runs = ({ managed, application, state }: Container, app: string): boolean =>
  managed && application === app && state === 'running';

type Facts = NodeFacts | { readonly unknown: string };

function factsOf(view: Findings['view'], key: NodeName | undefined): Facts {
  const state = key === undefined ? undefined : view.nodes[key];
  if (state === undefined) return { unknown: 'not seen yet' };
  return state.status === 'reachable' ? state.facts : { unknown: 'does not answer' };
}

function onNode(
  text: string,
  view: Findings['view'],
  key: NodeName | undefined,
  shows: (facts: NodeFacts) => boolean,
): Verdict {
  const facts = factsOf(view, key);
  if ('unknown' in facts) return { text, holds: false, why: `${nameOf(view, key)} ${facts.unknown}` };
  return { text, holds: shows(facts) };
}

const nameOf = ({ config }: Findings['view'], key: NodeName | undefined): string =>
  key === undefined ? 'the node' : (config?.nodes[key]?.name ?? key);

function stopped(
  { app, on }: Extract<Check, { kind: 'stopped' }>,
  { view }: Findings,
  nodes: Tutorial['nodes'],
): Verdict {
  const text = `"${app}" does not run${on === undefined ? '' : ` on ${on}`}`;
  const names = on === undefined ? Object.keys(nodes) : [on];
  const each = names.map((name) =>
    onNode(text, view, keyOf(view, nodes, name), (facts) => !facts.containers.some((one) => runs(one, app))),
  );
  return each.find(({ holds }) => !holds) ?? { text, holds: true };
}

function owned({ app, by }: Extract<Check, { kind: 'owned' }>, { view }: Findings, nodes: Tutorial['nodes']): Verdict {
  const isOwner = ({ application, role }: Volume): boolean => application === app && role === 'owner';
  return onNode(`${by} owns the data of "${app}"`, view, keyOf(view, nodes, by), (facts) =>
    facts.volumes.some(isOwner),
  );
}

function converged({ config, plan, running, steps, problems }: Findings['view']): Verdict {
  const text = 'everything is as the files say';
  if (problems.length > 0) return { text, holds: false, why: 'the files have problems' };
  if (running) return { text, holds: false, why: 'it is being applied' };
  // A plan for other files says nothing about these.
  if (plan === undefined || plan.revision !== config?.revision) {
    return { text, holds: false, why: 'the nodes are being looked at' };
  }
  const [blocker] = plan.blocked;
  if (blocker !== undefined) return { text, holds: false, why: blocker.reason };
  return { text, holds: plan.steps.every(({ id }) => steps[id]?.state === 'succeeded') };
}

function answers({ port, through }: Extract<Check, { kind: 'answers' }>, { ports }: Findings): Verdict {
  const silent = through.filter((node) => ports[portKey(node, port)] !== 'accepted');
  const text = `port ${port} answers through ${through.join(' and ')}`;
  return silent.length === 0
    ? { text, holds: true }
    : { text, holds: false, why: `not through ${silent.join(' and ')}` };
}

function prints({ command }: Extract<Check, { kind: 'prints' }>, { printed }: Findings): Verdict {
  const text = `\`${command}\` prints what the page shows`;
  const run = printed[command];
  if (run === undefined) return { text, holds: false };
  return { text, holds: run.matches, ...(run.instead === undefined ? {} : { why: run.instead }) };
}
