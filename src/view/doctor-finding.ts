import type { ClusterState } from '../model/cluster.ts';
import type { Config, NodeName, NodeSettings } from '../model/config.ts';
import type { Examination, HereAnswer } from '../model/examination.ts';

/** One thing examined: where, what (`check` stays the same over releases), how it is, and what to do. */
export interface Finding {
  readonly node?: NodeName;
  readonly check: string;
  readonly result: 'ok' | 'warning' | 'fault';
  readonly text: string;
  /** The one command that mends it, or shows more. */
  readonly command?: string;
}

/** Everything that was seen and tried. */
export interface Examined {
  readonly config: Config;
  readonly state: ClusterState;
  readonly examinations: Readonly<Record<NodeName, Examination>>;
  readonly here: readonly HereAnswer[];
  /** Where provision.sh lies on this machine. */
  readonly provisionPath?: string;
}

/** What the checks of one node share. */
export interface Patient {
  readonly node: NodeName;
  readonly shell: NodeShell;
  /** Full name of the dataset of all volumes. */
  readonly root: string;
}

/** Lines for a person's own shell that do something on a node as root. */
export interface NodeShell {
  /** `ssh`, its options and the target. */
  readonly ssh: string;
  /** Plain words: no character that a shell would take for its own. */
  readonly run: (words: string) => string;
  /** Any text for the node's shell. */
  readonly script: (text: string) => string;
}

const plain = /^[A-Za-z0-9_\-+,./:=@~]+$/;
const quoted = (text: string): string => (plain.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** The node's shell as its settings say how to reach it. */
export function shellOf(config: Config, node: NodeName, isRoot?: boolean): NodeShell {
  const settings = config.nodes[node] ?? {};
  const ssh = `ssh ${sshTarget(node, settings)}`;
  const sudo = (isRoot ?? (settings.user === undefined || settings.user === 'root')) ? '' : 'sudo ';
  return {
    ssh,
    run: (words) => `${ssh} ${sudo}${words}`,
    script: (text) => `${ssh} ${quoted(sudo === '' ? text : `sudo sh -c ${quoted(text)}`)}`,
  };
}

/** Options and target for ssh, as drover itself connects. */
export function sshTarget(node: NodeName, settings: NodeSettings): string {
  const { host = node, user, port, identityFile, knownHostsFile, sshConfigFile, jump } = settings;
  const options = [
    ...(sshConfigFile === undefined ? [] : ['-F', quoted(sshConfigFile)]),
    ...(identityFile === undefined ? [] : ['-i', quoted(identityFile)]),
    ...(knownHostsFile === undefined ? [] : ['-o', quoted(`UserKnownHostsFile=${knownHostsFile}`)]),
    ...(jump === undefined ? [] : ['-J', quoted(jump)]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ];
  return [...options, `${user === undefined ? '' : `${user}@`}${host}`].join(' ');
}

/** `a, b and 3 more`, at most four. */
export function some(names: readonly string[]): string {
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
