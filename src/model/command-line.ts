const plain = /^[A-Za-z0-9_\-+,./:=@]+$/;

/** One argument as a word of a POSIX shell, in single quotes. Throws on NUL, which an argument cannot contain. */
export function quote(argument: string): string {
  if (argument.includes('\0')) throw new Error('an argument cannot contain a NUL byte');
  return `'${argument.replaceAll("'", "'\\''")}'`;
}

/** The command as a line that a shell splits into the same arguments; plain words stay unquoted. */
export function printCommand(argv: readonly string[]): string {
  return argv.map((argument) => (plain.test(argument) ? argument : quote(argument))).join(' ');
}

/** The command as an argument of `ssh`, which joins its words; the shell of the remote host splits them again. */
export function printRemote(argv: readonly string[]): string {
  return argv.every((argument) => plain.test(argument)) ? printCommand(argv) : quote(printCommand(argv));
}

/**
 * True if a word from a node may appear in a command that is offered to a person: a name of the form that Docker,
 * systemd and ZFS use, without a leading dash. For any other word no command is offered, even if it could be quoted.
 */
export const isName = (word: string): boolean =>
  word.length <= 255 && /^[A-Za-z0-9_][A-Za-z0-9_.:@/-]*$/.test(word) && !word.split('/').includes('..');
