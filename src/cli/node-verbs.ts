import { type Command, InvalidArgumentError } from 'commander';
import type { MakeVerb, Run } from './act-verbs.ts';
import { type AddOptions, nodeAdd } from './commands/node-add.ts';
import { nodeList } from './commands/node-list.ts';
import { nodeRemove } from './commands/node-remove.ts';
import { examples } from './examples.ts';

/** `drover node add|list|remove`: hosts become nodes, are looked at, and are left. */
export function addNodeVerbs(makeVerb: MakeVerb, run: Run): void {
  const node = makeVerb('node', 'make hosts nodes, list them, and take them out again');
  const verb = (name: string, key: keyof typeof examples, description: string): Command =>
    node
      .command(name)
      .description(description)
      .addHelpText('after', `\nExamples:\n${examples[key].map((each) => `  drover ${each}\n`).join('')}`);
  addAdd(verb('add', 'node add', 'make a Debian or Ubuntu host a node: shows every step first, asks, does it'), run);
  verb('list', 'node list', 'every node of the files: whether it answers, what it is, what is placed there').action(
    () => run(nodeList),
  );
  verb('remove', 'node remove', 'take a node out of the files, once nothing is there any more')
    .argument('<node>', 'name or address')
    .option('--purge', 'also take drover’s services, files and port map off the host; pool and datasets stay')
    .option('--lost', 'it is gone for good, with all its data: asked for once more, then forgotten by all')
    .action((word: string, { purge = false, lost = false }: { purge?: boolean; lost?: boolean }) =>
      run((invocation) => nodeRemove(invocation, word, { purge, lost })),
    );
}

function addAdd(verb: Command, run: Run): void {
  verb
    .argument('<host>', 'address, or a name that DNS or ~/.ssh/config knows; also USER@HOST')
    .option('--check', 'change nothing: exit status 0 a node already, 2 something to do, 1 cannot be one')
    .option('--pool <disk>', 'an empty disk (/dev/sdb), or a file of fixed size (/var/lib/drover-pool.img:20G)')
    .option('--name <name>', 'what the node is called (the host’s own name, where an address is given)')
    .option('--user <user>', 'who logs in: root, or a user with passwordless sudo')
    .option('--port <port>', 'port of its sshd', parsePort)
    .option('--identity <file>', 'private key to log in with')
    .option('--jump <hosts>', '[user@]host[:port] to go through, as ssh -J')
    .option('--known-hosts <file>', 'file with the keys of hosts, in place of ~/.ssh/known_hosts')
    .option('--fingerprint <sha256>', 'accept the host’s key if it has this fingerprint, SHA256:…')
    .option('--no-files', 'leave drover.yml and deployment.yml as they are')
    .action((host: string, options: AddOptions) => run((invocation) => nodeAdd(invocation, host, options)));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a number from 1 to 65535.');
}
