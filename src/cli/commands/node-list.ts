import type { NodeFacts } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { type ErrorReport, isAbort, toReport } from '../../model/errors.ts';
import { alignRows, cell, type TableRow } from '../../view/lines.ts';
import { formatBytes } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { withInterrupts } from '../interrupt.ts';
import type { Invocation } from '../invocation.ts';
import { type NodeFiles, placedOn, readNodeFiles, requireHosts } from '../node-files.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printLines } from '../style.ts';

/** How far a host is: no connection, a host without drover's parts, a node. */
type Looked =
  | { readonly status: 'unreachable'; readonly error: ErrorReport }
  | { readonly status: 'not a node'; readonly error: ErrorReport }
  | { readonly status: 'node'; readonly facts: NodeFacts };

/** Lists the nodes of the files with state, versions and applications. Exit status 1 if one is not usable as a node. */
export async function nodeList(invocation: Invocation): Promise<ExitCode> {
  const { world, options, paint } = invocation;
  const files = await readNodeFiles(invocation);
  const nodes = Object.keys(files.config.nodes);
  const looked = await withInterrupts(world, 'prompt', ({ hard }) =>
    Promise.all(nodes.map(async (node) => [node, await look(invocation, files, node, hard)] as const)),
  );
  if (options.json) printJson(world, { ok: true, nodes: looked.map(([node, each]) => toData(files, node, each)) });
  else if (looked.length === 0) world.terminal.out(printed`no file names a node; \`drover node add HOST\` makes one\n`);
  else
    world.terminal.out(
      printLines(alignRows([heads, ...looked.map(([node, each]) => toRow(files, node, each))]), paint),
    );
  return looked.every(([, { status }]) => status === 'node') ? exitCode.done : exitCode.failed;
}

async function look(
  invocation: Invocation,
  { config }: NodeFiles,
  node: NodeName,
  signal: AbortSignal,
): Promise<Looked> {
  let status: 'unreachable' | 'not a node' = 'unreachable';
  try {
    const host = await requireHosts(invocation).open(node, config.nodes[node] ?? {}, config.settings, signal);
    try {
      status = 'not a node';
      return { status: 'node', facts: await host.observe(signal) };
    } finally {
      await host.close();
    }
  } catch (error) {
    if (signal.aborted && isAbort(error)) throw error;
    const report = toReport(error);
    return { status: report.code === 'connection-failed' ? 'unreachable' : status, error: report };
  }
}

const heads: TableRow = ['NODE', 'NAME', 'USER', 'STATE', 'OPENZFS', 'DOCKER', 'POOL FREE', 'PLACED'].map((text) =>
  cell(text, 'faint'),
);

function toRow({ config }: NodeFiles, node: NodeName, looked: Looked): TableRow {
  const { name = '', user = '' } = config.nodes[node] ?? {};
  const placed = cell(placedOn(config, node).join(', ') || '-');
  const head = [cell(node, 'strong'), cell(name), cell(user)];
  if (looked.status !== 'node') {
    const next = looked.status === 'unreachable' ? looked.error.message : `see \`drover node add ${node} --check\``;
    return [...head, cell(looked.status, 'fault'), cell('-'), cell('-'), cell('-'), placed, cell(next, 'faint')];
  }
  const { versions, pool } = looked.facts;
  const free = `${formatBytes(pool.freeBytes)} of ${formatBytes(pool.sizeBytes)}`;
  return [...head, cell('node', 'ok'), cell(versions.zfs), cell(versions.docker), cell(free), placed];
}

function toData({ config }: NodeFiles, node: NodeName, looked: Looked): unknown {
  const known = { node, ...config.nodes[node], status: looked.status, placed: placedOn(config, node) };
  if (looked.status !== 'node') return { ...known, error: looked.error };
  const { versions, pool, volumes, containers } = looked.facts;
  return {
    ...known,
    versions,
    pool,
    containers: containers.filter(({ managed }) => managed).map(({ name }) => name),
    owned: volumes.filter(({ role }) => role === 'owner').map(({ dataset }) => dataset),
  };
}
