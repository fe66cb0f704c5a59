/** status: the state of the lab and of its nodes, as text or as JSON. */
import { readFile } from 'node:fs/promises';
import { ACCELS } from '../accel.ts';
import { brokenOn } from '../faults.ts';
import { memoryPid, pidOf, savedTags, stateOf } from '../machine.ts';
import { indexesOf, onNode, sshConfig } from '../nodes.ts';
import { addressOf, reachOf, runDir } from '../paths.mjs';
import { networkIsUp } from '../rootless/network.ts';
import { labName, readLab } from '../store.ts';
import type { BrokenBy, FaultName, Lab, Values } from '../types.ts';
import { kernelOf } from '../um/kernel.ts';
import { publishedLines } from './publish.ts';
import { PREFIX } from './saved.ts';

/** Docker's client waits while Docker starts. The wait has a limit, because the node itself answers. */
const PROBE = `zpool list -H -o name,health,size,allocated,free
if ids=$(timeout 8 docker ps -q 2>/dev/null); then printf '%s' "$ids" | wc -w; else echo unknown; fi`;

async function residentMb(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024);
}

interface Pool {
  readonly name: string;
  readonly health: string;
  readonly size: string;
  readonly allocated: string;
  readonly free: string;
}

function parsePool(line: string): Pool {
  const [name = '', health = '', size = '', allocated = '', free = ''] = line.split('\t');
  return { name, health, size, allocated, free };
}

interface NodeStatus {
  readonly name: string;
  readonly address: string;
  readonly reach: string;
  readonly sshPort: number;
  readonly broken: readonly FaultName[];
  readonly faults: readonly BrokenBy[];
  readonly state: string;
  /** The rest is there for a machine that runs. */
  readonly pid?: number;
  readonly memoryMb?: number;
  readonly residentMb?: number;
  readonly ssh?: boolean;
  readonly pool?: Pool | null;
  readonly containers?: number | null;
}

async function nodeStatus(lab: Lab, index: number): Promise<NodeStatus> {
  const pid = pidOf(lab, index);
  const faults = brokenOn(lab, index);
  const reach = reachOf(lab, index);
  const base = {
    name: `node${index}`,
    address: addressOf(index),
    reach: reach.host,
    sshPort: reach.port,
    broken: faults.map(({ kind }) => kind),
    faults,
  };
  if (!pid) return { ...base, state: lab.asleep?.includes(index) ? 'asleep' : 'off' };
  const probe = await onNode(lab, index, PROBE, { nothrow: true, limitMs: 30_000 });
  const lines = probe.stdout.trim().split('\n');
  const reached = probe.exitCode === 0;
  return {
    ...base,
    state: await stateOf(lab, index),
    pid,
    memoryMb: lab.memory,
    residentMb: await residentMb(memoryPid(lab, index)),
    ssh: reached,
    pool: reached && lines.length > 1 ? parsePool(lines[0] ?? '') : null,
    containers: reached && lines.at(-1) !== 'unknown' ? Number(lines.at(-1)) : null,
  };
}

/** The kernel of the nodes and its sources. */
async function kernelFacts(lab: Lab): Promise<object | null> {
  const kernel = await kernelOf(lab.kernel);
  return kernel === undefined ? null : { release: kernel.release, ...kernel.chosen };
}

function whereIs(lab: Lab): string {
  if (lab.rootless) return `without root${networkIsUp(lab) ? '' : ' (switch and gateway are off)'}`;
  return lab.netns ? `in the namespace ${lab.netns}` : "in the machine's own network";
}

function print(lab: Lab, nodes: readonly NodeStatus[], saved: readonly string[]): void {
  const lines = [
    `The lab "${lab.name}", ${ACCELS[lab.accel]}${lab.accelWhy ? ` (${lab.accelWhy})` : ''}, ${whereIs(lab)}:`,
  ];
  for (const node of nodes) {
    const pool = node.pool ? `pool ${node.pool.name} ${node.pool.health}, ${node.pool.free} free` : 'pool unknown';
    const detail = node.pid
      ? `${node.ssh ? 'ssh yes' : 'ssh NO'}, ${pool}, ${node.containers ?? '?'} containers, ${node.residentMb} of ${node.memoryMb} MB`
      : '';
    const broken = node.faults.length > 0 ? `  BROKEN: ${node.faults.map(({ text }) => text).join('; ')}` : '';
    const reach = lab.rootless ? `  from here ${node.reach}` : '';
    lines.push(`  ${node.name}  ${node.address}${reach}  ${node.state.padEnd(8)} ${detail}${broken}`);
  }
  lines.push(`  saved: ${saved.join(', ') || 'nothing'}`, `  ssh -F ${sshConfig(lab)}`, ...publishedLines(lab));
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Exit status 0: every node answers, 3: some do not, 4: no such lab. */
export async function status(values: Values): Promise<number> {
  const name = labName(values);
  const lab = await readLab(name);
  if (!lab) {
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ lab: null, nodes: [] })}\n`
        : `There is no lab called "${name}"; \`npm run lab -- up\` starts one.\n`,
    );
    return 4;
  }
  const nodes = await Promise.all(indexesOf(lab).map((index) => nodeStatus(lab, index)));
  const dir = runDir(name);
  const report = {
    lab: {
      name,
      netns: lab.netns ?? null,
      accel: lab.accel,
      accelWhy: lab.accelWhy ?? null,
      ...(lab.kernel ? { kernel: await kernelFacts(lab) } : {}),
      phase: lab.phase,
      memory: lab.memory,
      wayOut: Boolean(lab.wayOut),
      mode: lab.rootless ? 'rootless' : 'bridge',
      ...(lab.rootless
        ? { rootless: true, wire: networkIsUp(lab) ? 'up' : 'off', published: lab.published ?? [] }
        : {}),
    },
    nodes,
    saved: (await savedTags(lab, 1))
      .filter((tag: string) => tag.startsWith(PREFIX))
      .map((tag: string) => tag.slice(PREFIX.length)),
    files: {
      sshConfig: sshConfig(lab),
      knownHosts: `${dir}/known_hosts`,
      identity: `${dir}/id_ed25519`,
      nodes: `${dir}/drover.yml`,
    },
  };
  if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else print(lab, nodes, report.saved);
  return nodes.every((node) => node.ssh) ? 0 : 3;
}
