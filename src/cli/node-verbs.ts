import { type Command, InvalidArgumentError } from 'commander';
import type { Run } from './act-verbs.ts';
import { type AddOptions, nodeAdd } from './commands/node-add.ts';
import { nodeList } from './commands/node-list.ts';
import { nodeRemove } from './commands/node-remove.ts';
import { examples, withExamples } from './examples.ts';

/** `drover node add|list|remove`. */
export function addNodeVerbs(node: Command, run: Run): void {
  const verb = (name: 'add' | 'list' | 'remove', about: string): Command =>
    withExamples(node.command(name).description(about), examples[`node ${name}`]);
  addAdd(verb('add', 'set up a Debian or Ubuntu host as a node; shows every step and asks first'), run);
  verb('list', 'list the nodes with their state, versions and applications').action(() => run(nodeList));
  verb('remove', 'remove a node from the files; it must hold no containers and no data')
    .argument('<node>', 'name or address')
    .option('--purge', 'also remove drover’s services, files and port map from the host; keep its pool and datasets')
    .option('--lost', 'the node and its data are lost for good: after a question, every node forgets it')
    .action((word: string, { purge = false, lost = false }: { purge?: boolean; lost?: boolean }) =>
      run((invocation) => nodeRemove(invocation, word, { purge, lost })),
    );
}

function addAdd(verb: Command, run: Run): void {
  verb
    .argument('<host>', 'address, or a name from DNS or ~/.ssh/config; USER@HOST is allowed')
    .option('--check', 'change nothing; exit with 0 if it is a node, 2 if there are steps to do, 1 if it cannot be one')
    .option('--pool <disk>', 'an empty disk (/dev/sdb), or a file with its size (/var/lib/drover-pool.img:20G)')
    .option('--name <name>', 'name of the node (default for an address: the host name of the host)')
    .option('--user <user>', 'SSH user: root, or a user with passwordless sudo')
    .option('--port <port>', 'SSH port', parsePort)
    .option('--identity <file>', 'private key for the login')
    .option('--jump <hosts>', '[user@]host[:port] to go through, as ssh -J')
    .option('--known-hosts <file>', 'file with host keys (default: ~/.ssh/known_hosts)')
    .option('--fingerprint <sha256>', 'accept the host key if it has this fingerprint (SHA256:…)')
    .option('--no-files', 'do not edit drover.yml and deployment.yml')
    .action((host: string, options: AddOptions) => run((invocation) => nodeAdd(invocation, host, options)));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a number from 1 to 65535.');
}
