import { setMaxListeners } from 'node:events';

/**
 * Lets any number of listeners wait for this signal, and gives it back. Node.js takes the eleventh listener of a signal
 * for a leak and prints a warning into the output. For the signals that live as long as a run, a step, a watch, a
 * connection or the probing of a switch the number is that of the nodes, commands or probes under way, and each of them takes its
 * listener off when it ends. Signals made for a single call keep Node's limit: there eleven would be a leak.
 */
export function allowManyListeners(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
