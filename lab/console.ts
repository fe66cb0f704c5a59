/** A node's serial line: root's login there, and a terminal on it. */
import { connect } from 'node:net';
import { LabError } from './errors.mjs';

/** ctrl+], the same key as in telnet and virsh. */
const LEAVE = 0x1d;
/** The key as it is written for users. */
export const LEAVE_TEXT = 'ctrl+]';
/** Makes a shell show its prompt again. */
const REDRAW = '\u000c';

/**
 * A script that logs root in on the console's terminal without a password, so that the console helps when the network is
 * broken. Only the owner of the lab's socket reaches it. It runs on a node before its state is saved.
 */
export const consoleLogin = (unit: string) => `set -e
d=/etc/systemd/system/${unit}.d
mkdir -p $d
cat >$d/lab.conf <<'UNIT'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200,57600,38400,9600 - $TERM
UNIT
systemctl daemon-reload
systemctl enable --quiet ${unit}
systemctl restart ${unit}`;

/** Why a terminal on the line ended: ctrl+], the end of the input, or the end of the machine. */
type End = 'left' | 'input' | 'machine';

interface Streams {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WritableStream;
  /** How long to wait for answers after the input has ended. */
  readonly lingerMs?: number;
}

/** Joins `input` and `output` to the serial line until one of the ends. Throws LabError where it cannot connect. */
export function attach(path: string, { input, output, lingerMs = 1000 }: Streams): Promise<End> {
  return new Promise((resolve, reject) => {
    const line = connect(path);
    const end = (why: End): void => {
      input.off('data', onInput);
      input.off('end', onEnd);
      if (input.isTTY) input.setRawMode(false);
      input.pause();
      line.destroy();
      resolve(why);
    };
    const onInput = (bytes: Buffer): void => {
      const at = bytes.indexOf(LEAVE);
      line.write(at < 0 ? bytes : bytes.subarray(0, at));
      if (at >= 0) end('left');
    };
    // The answer to the last words of a pipe may take a moment.
    const onEnd = (): unknown => setTimeout(() => end('input'), lingerMs);
    line.once('error', (error) => reject(new LabError(`cannot open the console: ${error.message}.`)));
    line.once('connect', () => {
      if (input.isTTY) input.setRawMode(true);
      input.on('data', onInput);
      input.once('end', onEnd);
      line.write(REDRAW);
    });
    line.on('data', (bytes) => output.write(bytes));
    line.once('close', () => end('machine'));
  });
}
