import { defined } from '../model/defined.ts';
import type { AuditLine, RunNote } from '../model/history.ts';
import { auditBytes } from '../model/limits.ts';
import { prelude } from './zfs/scripts.ts';

/** Only root can read it. At a megabyte, its older half is dropped. Each line also goes to syslog, with the tag `drover`. */
export const auditFile = '/var/lib/drover/audit.log';
const longestLog = 1_048_576;

/**
 * Shell functions for the script that holds the lock. `seen_from` finds the address that sshd recorded for the session;
 * sudo removes it from the environment, so the parent processes are searched as well. `keep_line` writes a line about
 * the run that $note describes, or nothing where $note is empty. It never fails, and the programs that it starts do not
 * inherit the file descriptors of the lock.
 */
export const auditFunctions = `seen_from() {
  from=\${SSH_CONNECTION-} pid=$$ name= rest= next=
  while [ -z "$from" ] && [ "\${pid:-0}" -gt 1 ]; do
    while IFS= read -r -d '' rest; do case $rest in SSH_CONNECTION=*) from=\${rest#*=} ;; esac; done <"/proc/$pid/environ"
    next=0
    while read -r name rest; do [ "$name" != PPid: ] || next=$rest; done <"/proc/$pid/status"
    pid=$next
  done 2>/dev/null
  from=\${from%% *}; from=\${from//[^0-9A-Za-z.:%]/_}; from=\${from:0:64}
}
keep_line() {
  [ -n "$note" ] || return 0
  line="audit at=$(date -u +%FT%TZ) event=$1 $note from=\${from:-unknown}\${2:+ result=$2}"
  if [ ! -L "$log" ] && mkdir -p -- "\${log%/*}" && (umask 077; printf '%s\n' "$line" >>"$log") &&
    [ "$(stat -c %s -- "$log")" -gt ${longestLog} ]; then
    (umask 077; tail -c ${longestLog / 2} -- "$log" >"$log.new") && mv -- "$log.new" "$log"
  fi
  # A syslog that hangs must not outlast the release of the lock.
  command -v logger >/dev/null && timeout 2 logger -t drover -- "$line"
  return 0
} >/dev/null 2>&1 7>&- 8>&- 9>&-
`;

/** FILE: prints its newest lines. */
export const readAuditScript = `${prelude}
[ ! -f "$1" ] || tail -c ${auditBytes} -- "$1"
`;

/** The run's part of an audit line. Names come from files and users, so all but harmless characters become `_`. */
export function printNote({ run, deployment, verb }: RunNote, owner: string): string {
  const [by = ''] = owner.split(' ');
  const words = [`run=${clean(run)}`, `deployment=${clean(deployment)}`, `verb=${clean(verb)}`, `by=${clean(by)}`];
  return words.join(' ');
}

const clean = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9._:@+-]+/g, '_')
    .replace(/^_|_$/g, '')
    .slice(0, 100) || '-';

const pattern =
  /^audit at=(\S+) event=(began|ended) run=(\S+) deployment=(\S+) verb=(\S+) by=(\S+) from=(\S+)(?: result=(\S+))?$/;

/** The lines of a node's audit file. Lines in another form are left out, such as a first line that was cut. */
export function parseAudit(text: string): readonly AuditLine[] {
  return text
    .slice(-auditBytes)
    .split('\n')
    .flatMap((line): AuditLine[] => {
      const match = line.length > 1000 ? null : pattern.exec(line);
      if (match === null) return [];
      const [, at = '', event, run = '', deployment = '', verb = '', by = '', from = '', result] = match.map(
        (part) => part?.replace(/[^\x21-\x7e]/g, '?') as string | undefined,
      );
      const kind = event === 'ended' ? 'ended' : 'began';
      return [{ at, event: kind, run, deployment, verb, by, from, ...defined({ result }) }];
    });
}
