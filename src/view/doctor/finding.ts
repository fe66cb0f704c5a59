import type { ClusterState } from '../../model/cluster.ts';
import { printCommand, printRemote, quote } from '../../model/command-line.ts';
import type { Config, NodeName, NodeSettings } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { Examination, HereAnswer } from '../../model/examination.ts';

/** The result of one check: node, name of the check (stable over releases), verdict, remedy. */
export interface Finding {
  readonly node?: NodeName;
  readonly check: string;
  readonly result: 'ok' | 'warning' | 'fault';
  readonly text: string;
  /** The command that fixes it, or shows more. */
  readonly command?: string;
}

/** Everything that was examined. */
export interface Examined {
  readonly config: Config;
  readonly state: ClusterState;
  readonly examinations: Readonly<Record<NodeName, Examination>>;
  readonly here: readonly HereAnswer[];
  /** Where provision.sh lies on this machine. */
  readonly provisionPath?: string;
}

/** Makes findings. One that is not ok names a command. */
export interface Findings {
  readonly ok: (check: string, text: string) => Finding;
  readonly warning: (check: string, text: string, command: string) => Finding;
  readonly fault: (check: string, text: string, command: string) => Finding;
  readonly finding: (result: 'warning' | 'fault', check: string, text: string, command: string) => Finding;
}

/** The findings of one node, or without a node those of all together. */
export function findingsOf(node?: NodeName): Findings {
  const of = defined({ node });
  const finding: Findings['finding'] = (result, check, text, command) => ({ ...of, check, result, text, command });
  return {
    ok: (check, text) => ({ ...of, check, result: 'ok', text }),
    warning: (...rest) => finding('warning', ...rest),
    fault: (...rest) => finding('fault', ...rest),
    finding,
  };
}

/** The input of the checks of one node. */
export interface Patient extends Findings {
  readonly node: NodeName;
  readonly shell: NodeShell;
  /** Full name of the dataset of all volumes. */
  readonly root: string;
}

/** Makes command lines for the user's own shell that run a command on a node as root. */
export interface NodeShell {
  /** `ssh`, its options and the target. */
  readonly ssh: string;
  /** A command and its arguments, each quoted for both shells. Names that a node gave go through `isName` first. */
  readonly run: (...argv: readonly string[]) => string;
  /** Any text for the node's shell. */
  readonly script: (text: string) => string;
}

/** The shell of a node, reached as its settings say. */
export function shellOf(config: Config, node: NodeName, isRoot?: boolean): NodeShell {
  const settings = config.nodes[node] ?? {};
  const ssh = `ssh ${sshTarget(node, settings)}`;
  const sudo = (isRoot ?? (settings.user === undefined || settings.user === 'root')) ? [] : ['sudo'];
  return {
    ssh,
    run: (...argv) => `${ssh} ${printRemote([...sudo, ...argv])}`,
    script: (text) => `${ssh} ${quote(sudo.length === 0 ? text : printCommand(['sudo', 'sh', '-c', text]))}`,
  };
}

/** Options and target for ssh, as drover itself connects. */
function sshTarget(node: NodeName, settings: NodeSettings): string {
  const { host = node, user, port, identityFile, knownHostsFile, sshConfigFile, jump } = settings;
  const options = [
    ...(sshConfigFile === undefined ? [] : ['-F', sshConfigFile]),
    ...(identityFile === undefined ? [] : ['-i', identityFile]),
    ...(knownHostsFile === undefined ? [] : ['-o', `UserKnownHostsFile=${knownHostsFile}`]),
    ...(jump === undefined ? [] : ['-J', jump]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ];
  // The user's shell must expand `~` of a path.
  return [...options, `${user === undefined ? '' : `${user}@`}${host}`].map(withHome).join(' ');
}

const withHome = (word: string): string =>
  word.startsWith('~/') ? `~/${printCommand([word.slice(2)])}` : printCommand([word]);

/** The pool from the settings: a name that a node reports must not get into a command. */
export const poolOf = (root: string): string => root.split('/')[0] ?? root;

/** `a, b and 3 more`, at most four. */
export function some(names: readonly string[]): string {
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
