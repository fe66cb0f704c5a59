import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { hangsMs, node1, node2, pause, project, run } from './lab.ts';

/** As in `lab.ts`, by ssh itself: a case asks the nodes many times. */
export async function onNode(node: string, command: string, input = ''): Promise<string> {
  const config = join(dirname(process.env.DROVER_LAB_INVENTORY ?? ''), 'ssh_config');
  // A busy node takes its time, and is not gone.
  const patience = `ConnectTimeout=${hangsMs / 1_000}`;
  const ran = await run('ssh', ['-F', config, '-o', patience, node, command], { input });
  if (ran.code !== 0) throw new Error(`${node}: ${command}: exit ${ran.code}: ${ran.stderr}`);
  return ran.stdout;
}

/** What one node has, read past drover. */
export interface Seen {
  /** Names of drover's containers that run. */
  readonly running: readonly string[];
  /** Role of each dataset that has one. */
  readonly volumes: readonly { readonly id: string; readonly dataset: string; readonly role: string }[];
}

const lookCommand = `docker ps --filter label=drover.managed=true --format '{{.Names}}' && echo -- &&
zfs get -Hp -r -t filesystem -s local -o name,property,value drover:vol,drover:role drover/volumes`;

export async function look(node: string): Promise<Seen> {
  const [names = '', facts = ''] = (await onNode(node, lookCommand)).split('--\n');
  const found = new Map<string, { id: string; dataset: string; role: string }>();
  for (const line of facts.trim().split('\n')) {
    const [dataset = '', property, value = ''] = line.split('\t');
    if (dataset === '') continue;
    const one = found.get(dataset) ?? { id: '', dataset, role: '' };
    found.set(dataset, { ...one, [property === 'drover:vol' ? 'id' : 'role']: value });
  }
  return { running: names.split('\n').filter(Boolean), volumes: [...found.values()] };
}

/** What must never be, on these nodes together; `without` may run twice: it has no volume. */
export async function wrongNow(nodes: readonly string[], without: string): Promise<readonly string[]> {
  const seen = await Promise.all(nodes.map(look));
  const owners = seen.flatMap(({ volumes }) => volumes.filter(({ role }) => role === 'owner').map(({ id }) => id));
  const running = seen.flatMap((one) => one.running).filter((name) => name !== without);
  return [
    ...twice(owners).map((id) => `volume ${id} has two owners`),
    ...twice(running).map((name) => `${name} runs on both nodes`),
  ];
}

const twice = (names: readonly string[]): readonly string[] => [
  ...new Set(names.filter((name, at) => names.indexOf(name) !== at)),
];

/**
 * A program that stands before another one of the same name in drover's PATH. When /run/hold names it and its
 * parent's or its own command line matches, the command waits: as one that has left a controller and has not arrived.
 */
const wrapper = `#!/bin/bash
if [ -f /run/hold ] && read -r program pattern </run/hold && [ "$program" = "\${0##*/}" ]; then
  line="$(tr '\\0' ' ' </proc/$PPID/cmdline) \${0##*/} $*"
  if [[ $line == $pattern ]] && mv /run/hold /run/held 2>/dev/null; then
    echo $$ $([[ $(cat /proc/$PPID/comm) == bash ]] && echo $PPID) >/run/held-pid
    while [ -e /run/held ]; do sleep 0.1; done
  fi
fi
exec -a "\${0##*/}" REAL "$@"
`;

/** Programs of a node that can be held; put there once, before drover works. */
const holdable = { flock: '/usr/bin/flock', zfs: '/usr/sbin/zfs', nft: '/usr/sbin/nft' } as const;

export type Holdable = keyof typeof holdable;

export async function putWrappers(): Promise<void> {
  for (const node of [node1, node2]) {
    for (const [name, real] of Object.entries(holdable)) {
      const put = `set -e; real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v ${name} || echo ${real})
sed "s|REAL|$real|" >/usr/local/sbin/${name}; chmod 0755 /usr/local/sbin/${name}`;
      await onNode(node, put, wrapper);
    }
  }
}

/** The next command of this kind waits on the node; at most one does. */
export const holdNext = (node: string, program: Holdable, pattern: string): Promise<string> =>
  onNode(
    node,
    'rm -f /run/held /run/held-pid; cat >/run/hold.new && mv /run/hold.new /run/hold',
    `${program} ${pattern}\n`,
  );

/** Resolves when a command waits; false where `ended` came first. */
export async function heldOn(node: string, ended: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    if ((await onNode(node, 'cat /run/held-pid 2>/dev/null || true')).trim() !== '') return true;
    await pause(150);
  }
  return false;
}

/** The command that waits goes on; resolves when the script it belongs to has ended. */
export async function letGo(node: string): Promise<void> {
  await onNode(node, `rm -f /run/hold /run/held; ${untilGone}`);
}

const untilGone = 'for pid in $(cat /run/held-pid); do while [ -d "/proc/$pid" ]; do sleep 0.1; done; done';

/** The command that waits never arrives. */
export async function dropHeld(node: string): Promise<void> {
  await onNode(node, `kill -KILL $(cat /run/held-pid) 2>/dev/null; ${untilGone}; rm -f /run/hold /run/held`);
}

/** Ends what keeps a run's lock on both nodes, as the nodes do after 30 s without a word from it. */
export async function takeLocksAway(): Promise<void> {
  for (const node of [node1, node2]) await onNode(node, "pkill -f 'drover-[l]ock' || true");
}

export async function lab(...words: readonly string[]): Promise<void> {
  const ran = await run(process.execPath, [join(project, 'lab', 'lab.mjs'), ...words]);
  if (ran.code !== 0) throw new Error(`lab ${words.join(' ')}: ${ran.stdout}${ran.stderr}`);
}

export const labName = (node: string): string => (node === node1 ? 'node1' : 'node2');

/** Waits until both nodes answer and Docker does on each. */
export async function untilUp(): Promise<void> {
  const until = Date.now() + hangsMs;
  for (const node of [node1, node2]) {
    while (!(await onNode(node, 'docker version >/dev/null && echo up').catch(() => '')).includes('up')) {
      if (Date.now() > until) throw new Error(`${node} does not come up`);
      await pause(500);
    }
  }
}

/** Asks a writer's port on both nodes all the time what is on disk, and keeps every whole answer. */
export function startWitness(ports: readonly number[]): {
  seen(port: number): readonly string[];
  forget(port: number): void;
  stop(): void;
} {
  const answers = new Map<number, Set<string>>(ports.map((port) => [port, new Set()]));
  const timer = setInterval(() => {
    for (const host of [node1, node2])
      for (const port of ports) ask(host, port, (line) => answers.get(port)?.add(line));
  }, 250);
  return {
    seen: (port) => [...(answers.get(port) ?? [])],
    forget: (port) => answers.get(port)?.clear(),
    stop: () => clearInterval(timer),
  };
}

function ask(host: string, port: number, tell: (line: string) => void): void {
  let text = '';
  const socket = connect({ host, port });
  socket.setTimeout(5_000, () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (/^last=\d+ boot=\w+\n$/.test(text)) tell(text);
  });
}
