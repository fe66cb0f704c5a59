/** What stands below the help of each verb, after `drover`. */
export const examples = {
  validate: ['validate', 'validate -C tutorials/mongodb/3-data-moves', 'validate --fix', 'validate --json'],
  plan: ['plan', 'plan -d deployment-moved.yml -a application.yml', 'plan --detailed-exitcode'],
  status: ['status', 'status --json'],
  logs: ['logs web', 'logs web --tail 100 -f', 'logs db -t'],
  doctor: ['doctor', 'doctor node2', 'doctor --quick', 'doctor --json'],
  apply: ['apply', 'apply -C tutorials/mongodb/3-data-moves', 'apply --take-over shop', 'apply --json'],
  watch: ['watch', 'watch -C tutorials/mongodb/3-data-moves'],
  move: ['move db node2', 'move db 172.16.255.251', 'move db node2 --no-apply'],
  deploy: ['deploy deployment.yml application.yml'],
  demo: ['demo', 'demo --fast', 'demo --json --fast'],
  tutorial: ['tutorial', 'tutorial mongodb', 'tutorial mongodb --plain --yes', 'tutorial mongodb -C my-copy --reset'],
  restart: ['restart web', 'restart web --json'],
  stop: ['stop web', 'stop web && drover start web'],
  start: ['start web'],
  snapshot: ['snapshot db', 'snapshot db before-upgrade'],
  volumes: ['volumes', 'volumes db', 'volumes node2 --json'],
  rollback: ['rollback db before-upgrade', 'rollback db drover/volumes/db-1a2b3c4d@user-before-upgrade --yes'],
  reclaim: ['reclaim db --on node2', 'reclaim db --on node2 --yes'],
  clone: ['clone db before-upgrade'],
  exec: ['exec db', 'exec db cat /etc/hostname', 'exec db -- ls -l /data', 'exec db tar c /data >data.tar'],
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
  drover                     the status, in a folder that has both files
  drover plan                what would change, and why
  drover apply               change it
  drover move db node2       move an application with its data
  drover demo                all of that on a simulated cluster: needs no nodes and no files
  drover apply --help        every verb has examples of its own

Exit status: 0 as wanted, 1 failed, 2 changes pending (plan --detailed-exitcode, node add --check), 3 another drover is at it,
4 blocked, 64 wrong usage, 65 wrong files, 130 cancelled.
`;
