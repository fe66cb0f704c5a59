/** status: what the lab is and how its nodes are, for people or as JSON. */
import { readFile } from 'node:fs/promises';
import { ACCELS } from '../accel.mjs';
import { brokenOn } from '../faults.mjs';
import { memoryPid, pidOf, savedTags, stateOf } from '../machine.mjs';
import { indexesOf, onNode, sshConfig } from '../nodes.mjs';
import { addressOf, reachOf, runDir } from '../paths.mjs';
import { networkIsUp } from '../rootless/network.mjs';
import { labName, readLab } from '../store.mjs';
import { kernelOf } from '../um/kernel.mjs';
import { tellPublished } from './publish.mjs';
import { PREFIX } from './saved.mjs';

/** A Docker that is only starting lets its client wait: that is no node out of reach. */
const PROBE = `zpool list -H -o name,health,size,allocated,free
if ids=$(timeout 8 docker ps -q 2>/dev/null); then printf '%s' "$ids" | wc -w; else echo unknown; fi`;

async function residentMb(pid) {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024);
}

function parsePool(line) {
  const [name, health, size, allocated, free] = line.split('\t');
  return { name, health, size, allocated, free };
}

async function nodeStatus(lab, index) {
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
  const probe = await onNode(lab, index, PROBE, { nothrow: true, limit: 30_000 });
  const lines = probe.stdout.trim().split('\n');
  const reached = probe.exitCode === 0;
  return {
    ...base,
    state: await stateOf(lab, index),
    pid,
    memoryMb: lab.memory,
    residentMb: await residentMb(memoryPid(lab, index)),
    ssh: reached,
    pool: reached && lines.length > 1 ? parsePool(lines[0]) : null,
    containers: reached && lines.at(-1) !== 'unknown' ? Number(lines.at(-1)) : null,
  };
}

/** Which kernel the nodes run, and what it was made of. */
async function kernelFacts(lab) {
  const kernel = await kernelOf(lab.kernel);
  return kernel === undefined ? null : { release: kernel.release, ...kernel.chosen };
}

const whereRootless = ({ wire }) => `without root${wire === 'up' ? '' : ' (switch and gateway are off)'}`;

function tell(report) {
  const { lab, nodes } = report;
  const where = lab.rootless
    ? whereRootless(lab)
    : lab.netns
      ? `in the namespace ${lab.netns}`
      : "in the machine's own network";
  const lines = [`The lab "${lab.name}", ${ACCELS[lab.accel]}${lab.accelWhy ? ` (${lab.accelWhy})` : ''}, ${where}:`];
  for (const node of nodes) {
    const pool = node.pool ? `pool ${node.pool.name} ${node.pool.health}, ${node.pool.free} free` : 'pool unknown';
    const detail = node.pid
      ? `${node.ssh ? 'ssh yes' : 'ssh NO'}, ${pool}, ${node.containers ?? '?'} containers, ${node.residentMb} of ${node.memoryMb} MB`
      : '';
    const broken = node.faults.length > 0 ? `  BROKEN: ${node.faults.map(({ text }) => text).join('; ')}` : '';
    const reach = lab.rootless ? `  from here ${node.reach}` : '';
    lines.push(`  ${node.name}  ${node.address}${reach}  ${node.state.padEnd(8)} ${detail}${broken}`);
  }
  lines.push(`  saved: ${report.saved.join(', ') || 'nothing'}`, `  ssh -F ${report.files.sshConfig}`);
  lines.push(...tellPublished(report.record));
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Exit status 0 when every node is reached, 3 when the lab is there but not whole, 4 when there is none. */
export async function status(values) {
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
    saved: (await savedTags(lab, 1)).filter((tag) => tag.startsWith(PREFIX)).map((tag) => tag.slice(PREFIX.length)),
    files: {
      sshConfig: sshConfig(lab),
      knownHosts: `${dir}/known_hosts`,
      identity: `${dir}/id_ed25519`,
      nodes: `${dir}/drover.yml`,
    },
  };
  if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else tell({ ...report, record: lab });
  return nodes.every((node) => node.ssh) ? 0 : 3;
}
