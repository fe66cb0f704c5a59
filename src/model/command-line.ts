const plain = /^[A-Za-z0-9_\-+,./:=@]+$/;

/**
 * One argument as a word of a POSIX shell: single quotes, in which nothing is special but the quote itself.
 * Throws on NUL, which no argument can hold.
 */
export function quote(argument: string): string {
  if (argument.includes('\0')) throw new Error('an argument cannot contain a NUL byte');
  return `'${argument.replaceAll("'", "'\\''")}'`;
}

/** The command as a line that a shell takes apart into the same arguments; plain words stay unquoted. */
export function printCommand(argv: readonly string[]): string {
  return argv.map((argument) => (plain.test(argument) ? argument : quote(argument))).join(' ');
}

/** The command as `ssh` has to be given it: ssh joins its words, and the shell of the other machine takes them apart again. */
export function printRemote(argv: readonly string[]): string {
  return argv.every((argument) => plain.test(argument)) ? printCommand(argv) : quote(printCommand(argv));
}

/**
 * Whether a word that a node gave may stand in a command that is offered to a person: a name as Docker, systemd and ZFS
 * make them, which begins with no dash. For anything else no command is offered, however it could be quoted.
 */
export const isName = (word: string): boolean =>
  word.length <= 255 && /^[A-Za-z0-9_][A-Za-z0-9_.:@/-]*$/.test(word) && !word.split('/').includes('..');
