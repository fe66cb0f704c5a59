import { defined } from '../../model/defined.ts';
import { entriesAt, parseJson, textAt } from '../json.ts';

/** A machine that Vagrant has created, from its index, which Vagrant keeps below `VAGRANT_HOME`. */
export interface CreatedMachine {
  readonly name: string;
  readonly provider: string;
  /** As Vagrant last saw it: `running`, `poweroff`, `shutoff`, … */
  readonly state: string;
  /** The folder of Vagrant's data about this machine: `.vagrant`, or `VAGRANT_DOTFILE_PATH`. */
  readonly dataPath: string;
}

/** One `Host` of `vagrant ssh-config`. */
export interface VagrantHost {
  readonly name: string;
  readonly user: string;
  /** The first one. */
  readonly identityFile?: string;
}

/** What a machine reports about itself over Vagrant's own connection. */
export interface MachineFacts {
  readonly addresses: readonly string[];
  /** `type base64`, without a comment. */
  readonly hostKeys: readonly string[];
}

/** All that drover needs to reach a machine. */
export interface VagrantMachine {
  readonly name: string;
  readonly address: string;
  readonly user: string;
  readonly identityFile?: string;
  readonly hostKeys: readonly string[];
}

/** Every folder that the index names, as it is written there. */
export function foldersOf(index: string): readonly string[] {
  return [...new Set(entriesOf(index).flatMap((entry) => textAt(entry, 'vagrantfile_path') ?? []))];
}

/**
 * The machines of the Vagrantfile in one folder, sorted by name; `spellings` are the paths that lead to that folder.
 * None where the text is not an index. The index has only what Vagrant has created for this user, so drover does not
 * trust a `.vagrant` folder that came with another person's files.
 */
export function machinesOf(index: string, spellings: readonly string[]): readonly CreatedMachine[] {
  return entriesOf(index)
    .filter((entry) => spellings.includes(textAt(entry, 'vagrantfile_path') ?? ''))
    .flatMap((entry) => {
      const [name, provider] = [textAt(entry, 'name'), textAt(entry, 'provider')];
      const [state, dataPath] = [textAt(entry, 'state'), textAt(entry, 'local_data_path')];
      if (name === undefined || provider === undefined || state === undefined || dataPath === undefined) return [];
      return [{ name, provider, state, dataPath }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const entriesOf = (index: string): readonly unknown[] =>
  entriesAt(parseJson(index), 'machines').map(([, entry]) => entry);

/** The output of `vagrant ssh-config`; warnings of Vagrant around it are left out. */
export function parseVagrantHosts(text: string): readonly VagrantHost[] {
  const hosts: { name: string; options: Map<string, string> }[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, key, value] = /^\s*([A-Za-z]+)\s+(.+?)\s*$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    const bare = value.replace(/^"(.*)"$/, '$1');
    if (key === 'Host') hosts.push({ name: bare, options: new Map() });
    const options = hosts.at(-1)?.options;
    if (options !== undefined && !options.has(key)) options.set(key, bare);
  }
  return hosts.map(({ name, options }) => {
    const identityFile = options.get('IdentityFile');
    return { name, user: options.get('User') ?? 'vagrant', ...defined({ identityFile }) };
  });
}

/** Prints what `parseFacts` reads; `hostname -I` works on Debian and Ubuntu. */
export const factsScript = 'cat /etc/ssh/ssh_host_*_key.pub; hostname -I';

/** Lines of public keys and of addresses, in any order, among other output. */
export function parseFacts(text: string): MachineFacts {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const hostKeys = lines.flatMap(
    (line) => /^((?:ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+=*)(?: |$)/.exec(line)?.[1] ?? [],
  );
  const isAddress = (word: string): boolean => /^(?:\d{1,3}\.){3}\d{1,3}$|^[0-9a-f:]*:[0-9a-f:]+$/.test(word);
  const addresses = lines.map((line) => line.split(/\s+/)).filter((words) => words.every(isAddress));
  return { hostKeys, addresses: addresses.flat() };
}

const network = '172.16.255.';

/** True for an address of the private network that the Vagrantfile makes, as in the tutorials. */
export function isOurAddress(address: string): boolean {
  return address.startsWith(network);
}

/** The machines as a drover.yml and the known_hosts file it names. */
export function describeMachines(
  machines: readonly VagrantMachine[],
  knownHostsFile: string,
): { readonly inventory: string; readonly knownHosts: string } {
  const nodes = machines.map(({ name, address, user, identityFile }) => {
    const settings = {
      name,
      host: address,
      port: 22,
      user,
      ...defined({ identityFile }),
      knownHostsFile,
    };
    // JSON is YAML, and quotes whatever a path may hold.
    return `  ${JSON.stringify(address)}: ${JSON.stringify(settings)}\n`;
  });
  return {
    inventory: `# Written by drover from \`vagrant ssh-config\`.\nversion: 1\nnodes:${nodes.length === 0 ? ' {}' : ''}\n${nodes.join('')}`,
    knownHosts: machines.flatMap(({ address, hostKeys }) => hostKeys.map((key) => `${address} ${key}\n`)).join(''),
  };
}
