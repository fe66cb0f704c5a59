/** What the verbs are, what they take, and their help. */
const LAB = 'npm run lab --';
const WHICH = `  --netns NAME    the lab in the namespace NAME (or set DROVER_LAB=NAME)
  -h, --help      this text
`;

const help = (usage, text, options, examples) => `Usage: ${LAB} ${usage}

${text}

Options:
${options}${WHICH}
Examples:
${examples.map((each) => `  ${LAB} ${each}\n`).join('')}`;

export const VERBS = {
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
    load: async () => (await import('./verbs/up.mjs')).up,
    help: help(
      'up [--nodes N] [--memory MB] [--no-images] [--accel kvm|um|tcg] [--rootless] [--publish PORTS]',
      `Starts the nodes: node1 at 172.16.255.250, node2 at 172.16.255.251 and so on.
The first time builds the disk and boots it (minutes); afterwards it takes seconds.
The nodes run with KVM where it works, else in User-Mode Linux, whose kernel is built once from Debian's sources, else they
are emulated. \`status\` says which, and why.
On a lab that is running it says so and does nothing. Each node number is booted and saved once, as many at a time as
there are processors for; a lab of five uses what a lab of two has made.

Without root (or with --rootless) the nodes are joined by a switch of the lab's own and reached at loopback addresses:
node1 at 127.16.255.250, ssh at port 2222, and the ports you publish.`,
      `  --nodes N       how many, 1 to 5 (2)
  --memory MB     memory of each node (1024)
  --no-images     leave out the container images of lab/images
  --accel NAME    kvm, um (User-Mode Linux) or tcg (emulation) instead of the first that works
  --rebuild       build the kernel of User-Mode Linux again, from the newest sources
  --rootless      as without root, although you are root
  --publish PORTS without root: ports of the nodes to open here, with commas between; HERE:PORT where they differ
`,
      ['up', 'up --nodes 5 --memory 768', 'up --netns ci', 'up --accel tcg', 'up --publish 27017,8080:80'],
    ),
  },
  down: {
    options: { 'power-off': { type: 'boolean' } },
    load: async () => (await import('./verbs/down.mjs')).down,
    help: help(
      'down [--power-off]',
      'Stops the machines. They sleep: the next `up` continues where they were. In User-Mode Linux, which cannot keep the\nmemory of a machine, they are shut down in order instead, and the next `up` boots them.',
      '  --power-off     shut them down in order instead; the next `up` boots them\n',
      ['down', 'down --power-off'],
    ),
  },
  status: {
    options: { json: { type: 'boolean' } },
    load: async () => (await import('./verbs/status.mjs')).status,
    help: help(
      'status [--json]',
      `Says how the nodes are: state, addresses, ssh, pool, containers, memory, and what \`break\` broke.
Exit status 0: all reached, 3: some not, 4: no such lab.`,
      '  --json          the same as JSON on standard output\n',
      ['status', 'status --json'],
    ),
  },
  ssh: {
    options: {},
    words: Infinity,
    load: async () => (await import('./verbs/ssh.mjs')).ssh,
    help: help('ssh NODE [COMMAND…]', 'A shell on a node, or one command there; its exit status is ours.', '', [
      'ssh node1',
      'ssh node2 zfs list',
      "ssh node1 'docker ps -a'",
    ]),
  },
  reset: {
    options: {},
    load: async () => (await import('./verbs/saved.mjs')).reset,
    help: help('reset', 'Takes every node back to the moment after its first boot, and mends what `break` broke.', '', [
      'reset',
    ]),
  },
  images: {
    options: { build: { type: 'boolean' } },
    words: Infinity,
    load: async () => (await import('./verbs/images.mjs')).images,
    help: help(
      'images [--build] [SET…]',
      `Container images for a tutorial, where no registry can be reached: builds those of the sets and
gives them to the running nodes that lack them, and has the nodes file say which runs in place of which.
Where a registry answers only what no registry has is built.
Without a set it lists what there is.`,
      '  --build         only build them: no lab is needed for that\n',
      ['images', 'images elk'],
    ),
  },
  save: {
    options: {},
    words: 1,
    load: async () => (await import('./verbs/saved.mjs')).save,
    help: help(
      'save NAME',
      'Keeps this moment of all nodes, disks and memory, under a name. In User-Mode Linux the disks alone: `restore` boots them.',
      '',
      ['save before-move'],
    ),
  },
  restore: {
    options: {},
    words: 1,
    load: async () => (await import('./verbs/saved.mjs')).restore,
    help: help('restore NAME', 'Takes all nodes back to a moment kept by `save`.', '', ['restore before-move']),
  },
  publish: {
    options: {},
    words: Infinity,
    load: async () => (await import('./verbs/publish.mjs')).publish,
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
    load: async () => (await import('./verbs/logs.mjs')).logs,
    help: help(
      'logs NODE [-f] [--unit UNIT] [--lines N]',
      `The journal of a node. Where the node does not answer: what its machine left behind, the console among it, and exit
status 3.`,
      `  -f, --follow    go on with what is added; Ctrl-C ends it
  -u, --unit UNIT only of this systemd unit, such as docker
  -n, --lines N   how many of the last lines (200)
`,
      ['logs node1', 'logs node1 -f --unit docker', 'logs node2 -n 50'],
    ),
  },
  console: {
    options: {},
    words: 1,
    load: async () => (await import('./verbs/console.mjs')).consoleOf,
    help: help(
      'console NODE',
      `The serial line of a node with root logged in: it works when the network does not. ctrl+] leaves it; what runs there
goes on. One console a node at a time. All that was ever said on it is in console.log (\`logs\` shows it when the node
does not answer).`,
      '',
      ['console node1'],
    ),
  },
  break: {
    options: { undo: { type: 'boolean' }, loss: { type: 'string' }, by: { type: 'string' } },
    words: 2,
    load: async () => (await import('./verbs/break.mjs')).breakNode,
    help: help(
      'break NODE FAULT [--undo]',
      `Makes something go wrong on one node; several faults may be there at once:
  power   the machine loses its power in the middle of whatever it does
  cable   its network cable is pulled
  slow    its link carries 2 Mbit/s
  loss    its link loses packets, in both directions
  full    its pool has no room left
  clock   its clock steps
  docker  dockerd is killed and stays away`,
      `  --undo          mend it again; \`break NODE all --undo\` mends all of them
  --loss PERCENT  for loss: this many (20)
  --by SECONDS    for clock: forward, or back with a minus, written --by=-60 (3600)
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
  mend: {
    options: {},
    words: Infinity,
    load: async () => (await import('./verbs/break.mjs')).mend,
    help: help('mend [NODE…]', 'Puts right everything that `break` broke, on these nodes or on all.', '', [
      'mend',
      'mend node1',
    ]),
  },
  destroy: {
    options: { cache: { type: 'boolean' } },
    load: async () => (await import('./verbs/destroy.mjs')).destroy,
    help: help(
      'destroy [--cache]',
      'Removes machines, disks, taps, bridge, namespace, rules, switch and gateway of the lab, and prints what went.',
      '  --cache         the built image and the saved states as well\n',
      ['destroy', 'destroy --cache'],
    ),
  },
};

export const OVERVIEW = `Usage: ${LAB} VERB [options]

Real machines with OpenZFS and Docker, on this one.

  up         start the nodes (built once, restored afterwards)
  down       stop them; the next up continues where they were
  status     how they are
  ssh        a shell or a command on a node
  console    its serial line, which needs no network
  logs       its journal
  publish    open ports of the nodes on this machine (a lab without root)
  reset      back to the moment after the first boot
  images     container images for a tutorial, where no registry answers
  save       keep this moment under a name
  restore    go back to a kept moment
  break      power cut, cable pulled, slow or lossy link, full pool, wrong clock, docker killed
  mend       put right what was broken
  destroy    remove everything

\`${LAB} VERB --help\` tells more, with examples.
`;
