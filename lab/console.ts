/** A node's serial line: who may log in there, and a terminal on it. */
import { connect } from 'node:net';
import { LabError } from './errors.mjs';

/** ctrl+], as telnet and virsh have it. */
const LEAVE = 0x1d;
/** How people type it. */
export const LEAVE_TEXT = 'ctrl+]';
/** Makes a shell show its prompt again. */
const REDRAW = '\u000c';

/**
 * Run on a node before its state is saved: root is logged in on the console's terminal without a password, so that the
 * console is of use when the network is broken. Only the owner of the lab's socket gets there.
 */
export const consoleLogin = (unit) => `set -e
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

/**
 * Joins `input` and `output` to the serial line until ctrl+] is typed, the input ends or the machine does.
 * Resolves to why it ended: 'left', 'input' or 'machine'.
 */
export function attach(path, { input, output, lingerMs = 1000 }) {
  return new Promise((resolve, reject) => {
    const line = connect(path);
    const end = (why) => {
      input.off('data', onInput);
      input.off('end', onEnd);
      if (input.isTTY) input.setRawMode(false);
      input.pause();
      line.destroy();
      resolve(why);
    };
    const onInput = (bytes) => {
      const at = bytes.indexOf(LEAVE);
      line.write(at < 0 ? bytes : bytes.subarray(0, at));
      if (at >= 0) end('left');
    };
    // A pipe that ends: what it asked for may take a moment to be answered.
    const onEnd = () => setTimeout(() => end('input'), lingerMs);
    line.once('error', (error) => reject(new LabError(`The console cannot be opened: ${error.message}.`)));
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
