import { spawn } from 'node:child_process';
import type { CommandHere } from '../engine/types.ts';

/** The end of the output that is kept. */
const outputBytes = 4 * 1024;

/** Ends all processes of a group. */
export type KillGroup = (group: number) => void;

/**
 * Runs a command of drover.yml in a shell on this machine, and returns its exit code and the end of what it printed. When
 * the signal aborts, the command and what it started are killed.
 */
export function runHere(command: string, killGroup: KillGroup, signal: AbortSignal): Promise<CommandHere> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // A process group of its own, so that what it started ends with it.
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-outputBytes);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    const kill = (): void => {
      try {
        if (child.pid !== undefined) killGroup(child.pid);
      } catch {
        // It has ended.
      }
      reject(signal.reason);
    };
    signal.addEventListener('abort', kill, { once: true });
    child.once('error', reject);
    child.once('close', (code) => {
      signal.removeEventListener('abort', kill);
      resolve({ code: code ?? 1, output: output.trim() });
    });
  });
}
