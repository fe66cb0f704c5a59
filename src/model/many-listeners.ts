import { setMaxListeners } from 'node:events';

/**
 * Allows any number of listeners on this signal and returns it. Node.js considers the eleventh listener of a signal a
 * leak and prints a warning into the output. On the signals that live as long as a run, a step, a watch, a connection,
 * an observation or the probing of a switch, there is one listener for each node, command or probe in progress, and each
 * removes its listener when it ends. Signals for a single call keep Node's limit: there eleven listeners would be a leak.
 */
export function allowManyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
