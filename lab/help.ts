/** The commands of the lab: their options, how many words they take, and their help. */
import type { ParseArgsConfig } from 'node:util';
import type { Values } from './types.ts';

export interface Command {
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many words it takes at most; default 0. */
  readonly words?: number;
  readonly help: string;
  /** The function that runs it. Resolves to the exit status; nothing means 0. */
  load(): Promise<(values: Values, words: readonly string[]) => Promise<number> | Promise<void>>;
}

const LAB = 'npm run lab --';
const WHICH = `  --netns NAME    the lab in the namespace NAME (or set DROVER_LAB=NAME)
  -h, --help      this text
`;

const help = (
  usage: string,
  text: string,
  options: string,
  examples: readonly string[],
): string => `Usage: ${LAB} ${usage}

${text}

Options:
${options}${WHICH}
Examples:
${examples.map((each) => `  ${LAB} ${each}\n`).join('')}`;

export const COMMANDS: Readonly<Record<string, Command>> = {
  up: {
    options: {
      nodes: { type: 'string' },
      memory: { type: 'string' },
      'no-images': { type: 'boolean' },
      rootless: { type: 'boolean' },
      publish: { type: 'string', multiple: true },
      accel: { type: 'string' },
      rebuild: { type: 'boolean' },
    },
    load: async () => (await import('./commands/up.ts')).up,
    help: help(
      'up [--nodes N] [--memory MB] [--no-images] [--accel kvm|um|tcg] [--rootless] [--publish PORTS]',
      `Starts the nodes: node1 at 172.16.255.250, node2 at 172.16.255.251 and so on.
The first run builds the nodes' disk and boots it, which takes minutes. Later runs take seconds.
The nodes run with KVM where it works, else in User-Mode Linux, whose kernel is built once from Debian's sources, else in
QEMU's emulation. \`status\` prints which, and why.
A lab that is running stays as it is. Each node is booted once and saved, as many at the same time as the processors
allow; a lab of five nodes uses the saved nodes of a lab of two.

Without root (or with --rootless) a switch of the lab's own joins the nodes, and you reach them at loopback addresses:
node1 at 127.16.255.250, its ssh at port 2222, and the ports that you publish.`,
      `  --nodes N       number of nodes, 1 to 5 (default 2)
  --memory MB     memory of each node (default 1024)
  --no-images     leave out the container images of lab/images
  --accel NAME    kvm, um (User-Mode Linux) or tcg (emulation) instead of the first that works
  --rebuild       build the kernel of User-Mode Linux again, from the newest sources
  --rootless      make the lab without using root
  --publish PORTS without root: open these ports of the nodes here; separate them with commas; HERE:PORT opens PORT
                  under another number
`,
      ['up', 'up --nodes 5 --memory 768', 'up --netns ci', 'up --accel tcg', 'up --publish 27017,8080:80'],
    ),
  },
  down: {
    options: { 'power-off': { type: 'boolean' } },
    load: async () => (await import('./commands/down.ts')).down,
    help: help(
      'down [--power-off]',
      'Stops the machines and saves their memory: the next `up` continues where they were. User-Mode Linux cannot save the\nmemory of a machine; there they are shut down, and the next `up` boots them.',
      '  --power-off     shut them down instead; the next `up` boots them\n',
      ['down', 'down --power-off'],
    ),
  },
  status: {
    options: { json: { type: 'boolean' } },
    load: async () => (await import('./commands/status.ts')).status,
    help: help(
      'status [--json]',
      `Prints the state of each node: addresses, ssh, pool, containers, memory, and the faults that \`break\` made.
Exit status 0: every node answers, 3: some do not, 4: no such lab.`,
      '  --json          print JSON on standard output\n',
      ['status', 'status --json'],
    ),
  },
  ssh: {
    options: {},
    words: Infinity,
    load: async () => (await import('./commands/ssh.ts')).ssh,
    help: help(
      'ssh NODE [COMMAND…]',
      'Opens a shell on a node, or runs one command there and exits with its status.',
      '',
      ['ssh node1', 'ssh node2 zfs list', "ssh node1 'docker ps -a'"],
    ),
  },
  reset: {
    options: {},
    load: async () => (await import('./commands/saved.ts')).reset,
    help: help('reset', 'Takes every node back to its state after the first boot, and fixes what `break` broke.', '', [
      'reset',
    ]),
  },
  images: {
    options: { build: { type: 'boolean' } },
    words: Infinity,
    load: async () => (await import('./commands/images.ts')).images,
    help: help(
      'images [--build] [SET…]',
      `Container images for a tutorial, for a machine that reaches no registry: builds the images of the sets, imports
those that the running nodes do not have, and writes into the nodes file which one runs in place of which.
Where a registry answers, only the images that no registry has are built.
Without a set it lists all images.`,
      '  --build         only build them; this needs no lab\n',
      ['images', 'images elk'],
    ),
  },
  save: {
    options: {},
    words: 1,
    load: async () => (await import('./commands/saved.ts')).save,
    help: help(
      'save NAME',
      'Saves the disks and the memory of all nodes at this moment, under a name. In User-Mode Linux it saves the disks alone,\nand `restore` boots them.',
      '',
      ['save before-move'],
    ),
  },
  restore: {
    options: {},
    words: 1,
    load: async () => (await import('./commands/saved.ts')).restore,
    help: help('restore NAME', 'Takes all nodes back to a saved moment.', '', ['restore before-move']),
  },
  publish: {
    options: {},
    words: Infinity,
    load: async () => (await import('./commands/publish.ts')).publish,
    help: help(
      'publish PORT… | HERE:PORT…',
      `Opens ports of the nodes on their loopback addresses, in a lab without root: after \`publish 27017\` node1's port is at
127.16.255.250:27017 and node2's at 127.16.255.251:27017. They stay open until \`destroy\`.`,
      '',
      ['publish 27017', 'publish 27017,9200 8080:80'],
    ),
  },
  logs: {
    options: {
      follow: { type: 'boolean', short: 'f' },
      unit: { type: 'string', short: 'u' },
      lines: { type: 'string', short: 'n' },
    },
    words: 1,
    load: async () => (await import('./commands/logs.ts')).logs,
    help: help(
      'logs NODE [-f] [--unit UNIT] [--lines N]',
      `Prints the journal of a node. For a node that does not answer it prints the log files of its machine, with the
console among them, and exits with status 3.`,
      `  -f, --follow    print new lines as they come; Ctrl-C ends it
  -u, --unit UNIT only this systemd unit, such as docker
  -n, --lines N   number of lines (default 200)
`,
      ['logs node1', 'logs node1 -f --unit docker', 'logs node2 -n 50'],
    ),
  },
  console: {
    options: {},
    words: 1,
    load: async () => (await import('./commands/ssh.ts')).consoleOf,
    help: help(
      'console NODE',
      `Opens the serial line of a node, with root logged in: it works when the network does not. ctrl+] leaves it; programs
there keep running. A node has one console at a time. Everything printed on it is in console.log (\`logs\` prints that
file when the node does not answer).`,
      '',
      ['console node1'],
    ),
  },
  break: {
    options: { undo: { type: 'boolean' }, loss: { type: 'string' }, by: { type: 'string' } },
    words: 2,
    load: async () => (await import('./commands/break.ts')).breakNode,
    help: help(
      'break NODE FAULT [--undo]',
      `Makes a fault on one node. A node can have several faults at once:
  power   the machine loses its power
  cable   its network cable is pulled
  slow    its link carries 2 Mbit/s
  loss    its link loses packets, in both directions
  full    its pool is full
  clock   its clock is wrong
  docker  dockerd is killed and cannot start`,
      `  --undo          fix the fault; \`break NODE all --undo\` fixes all of them
  --loss PERCENT  for loss: how many packets (default 20)
  --by SECONDS    for clock: forward, or back with a minus, written --by=-60 (default 3600)
`,
      [
        'break node1 power',
        'break node1 power --undo',
        'break node2 loss --loss 30',
        'break node2 clock --by=-86400',
        'break node2 all --undo',
      ],
    ),
  },
  fix: {
    options: {},
    words: Infinity,
    load: async () => (await import('./commands/break.ts')).fix,
    help: help('fix [NODE…]', 'Fixes every fault that `break` made, on these nodes or on all.', '', [
      'fix',
      'fix node1',
    ]),
  },
  destroy: {
    options: { cache: { type: 'boolean' } },
    load: async () => (await import('./commands/destroy.ts')).destroy,
    help: help(
      'destroy [--cache]',
      'Removes the machines, disks, taps, bridge, namespace, rules, switch and gateway of the lab, and prints each.',
      '  --cache         also the built image and the saved states\n',
      ['destroy', 'destroy --cache'],
    ),
  },
};

export const OVERVIEW = `Usage: ${LAB} COMMAND [options]

Real machines with OpenZFS and Docker, on this one.

  up         start the nodes (built on the first run, restored later)
  down       stop them; the next up continues where they were
  status     print the state of the nodes
  ssh        open a shell or run a command on a node
  console    open the serial line of a node, which needs no network
  logs       print the journal of a node
  publish    open ports of the nodes on this machine (a lab without root)
  reset      go back to the state after the first boot
  images     container images for a tutorial, where no registry answers
  save       save all nodes under a name
  restore    go back to a saved moment
  break      power cut, pulled cable, slow or lossy link, full pool, wrong clock, docker killed
  fix        fix what break broke
  destroy    remove everything

\`${LAB} COMMAND --help\` prints more, with examples.
`;
