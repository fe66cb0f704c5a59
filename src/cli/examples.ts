import type { Command } from 'commander';

/** Example command lines in the help of each command, without `drover`; those of acts are in src/model/acts.ts. */
export const examples = {
  init: [
    'init',
    'init --node 192.0.2.11 192.0.2.12',
    'init --node root@192.0.2.11 --dry-run',
    'init -a docker-compose.yml',
  ],
  import: [
    'import node1',
    'import node1 --project shop --dry-run',
    'import node1 --project shop',
    'import root@192.0.2.11 --container web db',
  ],
  export: ['export', 'export --volumes copy', 'export --node node1 -o compose.plain.yaml'],
  validate: ['validate', 'validate -C tutorials/mongodb/3-data-moves', 'validate --fix', 'validate --json'],
  plan: ['plan', 'plan -d deployment-moved.yml -a application.yml', 'plan --detailed-exitcode'],
  status: ['status', 'status --json'],
  logs: ['logs web', 'logs web --tail 100 -f', 'logs db -t'],
  doctor: ['doctor', 'doctor node2', 'doctor --quick', 'doctor --json'],
  apply: ['apply', 'apply -C tutorials/mongodb/3-data-moves', 'apply --take-over shop', 'apply --json'],
  watch: ['watch', 'watch -C tutorials/mongodb/3-data-moves'],
  move: ['move db node2', 'move db 172.16.255.251', 'move db node2 --no-apply'],
  drain: ['drain node1 --dry-run', 'drain node1', 'drain node1 --to node2 node3'],
  deploy: ['deploy deployment.yml application.yml'],
  demo: ['demo', 'demo --fast', 'demo --json --fast'],
  tutorial: ['tutorial', 'tutorial mongodb', 'tutorial mongodb --plain --yes', 'tutorial mongodb -C my-copy --reset'],
  history: ['history', 'history last', 'history 20250131-0945', 'history --node node1', 'history --json'],
  undo: ['undo', 'undo --no-apply', 'undo --force'],
  node: ['node add 192.0.2.10 --check', 'node list', 'node remove node3'],
  'node add': [
    'node add 192.0.2.10 --check',
    'node add 192.0.2.10 --pool /dev/sdb',
    'node add admin@web3 --identity ~/.ssh/id_ed25519 --pool /var/lib/drover-pool.img:20G',
    'node add 192.0.2.10 --name node3 --fingerprint SHA256:Wm3… --yes',
  ],
  'node list': ['node list', 'node list --json'],
  'node remove': ['node remove node3', 'node remove 192.0.2.10 --purge'],
  trust: ['trust node1', 'trust node1 --fingerprint SHA256:Wm3…'],
} as const;

export const overviewExamples = `
Examples:
  drover                     open the screen
  drover init                begin with a Compose file: write deployment.yml
  drover plan                show what would change, and why
  drover apply               make the changes
  drover move db node2       move an application with its data
  drover demo                see it work on a simulated cluster, without nodes and files
  drover apply --help        show the options and examples of a command

Exit status: 0 done, 1 failed, 2 changes pending (plan --detailed-exitcode, node add --check),
3 another drover holds the lock, 4 blocked, 64 wrong usage, 65 problems in the files, 130 cancelled.
`;

/** Adds examples below the help of a command. */
export const withExamples = (command: Command, lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((each) => `  drover ${each}\n`).join('')}`);
