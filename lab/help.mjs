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
    options: { nodes: { type: 'string' }, memory: { type: 'string' }, 'no-images': { type: 'boolean' } },
    load: async () => (await import('./verbs/up.mjs')).up,
    help: help(
      'up [--nodes N] [--memory MB] [--no-images]',
      `Starts the nodes: node1 at 172.16.255.250, node2 at 172.16.255.251 and so on.
The first time builds the disk and boots it (minutes); afterwards it is a restore (seconds).
On a lab that is running it says so and does nothing.`,
      `  --nodes N       how many, 1 to 9 (2)
  --memory MB     memory of each node (1024)
  --no-images     leave out the container images of lab/images
`,
      ['up', 'up --nodes 3', 'up --netns ci'],
    ),
  },
  down: {
    options: { 'power-off': { type: 'boolean' } },
    load: async () => (await import('./verbs/down.mjs')).down,
    help: help(
      'down [--power-off]',
      'Stops the machines. They sleep: the next `up` continues where they were.',
      '  --power-off     shut them down in order instead; the next `up` boots them\n',
      ['down', 'down --power-off'],
    ),
  },
  status: {
    options: { json: { type: 'boolean' } },
    load: async () => (await import('./verbs/status.mjs')).status,
    help: help(
      'status [--json]',
      'Says how the nodes are. Exit status 0: all reached, 3: some not, 4: no such lab.',
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
gives them to the running nodes that lack them. Where a registry answers there is nothing to do.
Without a set it lists what there is.`,
      '  --build         only build them: no lab is needed for that\n',
      ['images', 'images elk'],
    ),
  },
  save: {
    options: {},
    words: 1,
    load: async () => (await import('./verbs/saved.mjs')).save,
    help: help('save NAME', 'Keeps this moment of all nodes, disks and memory, under a name.', '', [
      'save before-move',
    ]),
  },
  restore: {
    options: {},
    words: 1,
    load: async () => (await import('./verbs/saved.mjs')).restore,
    help: help('restore NAME', 'Takes all nodes back to a moment kept by `save`.', '', ['restore before-move']),
  },
  break: {
    options: { undo: { type: 'boolean' } },
    words: 2,
    load: async () => (await import('./verbs/break.mjs')).breakNode,
    help: help(
      'break NODE power|cable|slow|full [--undo]',
      `Makes something go wrong on one node:
  power   the machine loses its power in the middle of whatever it does
  cable   its network cable is pulled
  slow    its link carries 2 Mbit/s
  full    its pool has no room left`,
      '  --undo          mend it again\n',
      ['break node1 power', 'break node1 power --undo', 'break node2 cable'],
    ),
  },
  destroy: {
    options: { cache: { type: 'boolean' } },
    load: async () => (await import('./verbs/destroy.mjs')).destroy,
    help: help(
      'destroy [--cache]',
      'Removes machines, disks, taps, bridge, namespace and rules of the lab, and prints what went.',
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
  reset      back to the moment after the first boot
  images     container images for a tutorial, where no registry answers
  save       keep this moment under a name
  restore    go back to a kept moment
  break      power cut, cable pulled, slow link, full pool
  destroy    remove everything

\`${LAB} VERB --help\` tells more, with examples.
`;
