import type { Cluster } from '../../src/engine/node-client.ts';
import { AppError } from '../../src/model/errors.ts';

/**
 * What a compromised node can put into any text: escape sequences of both widths, line ends of all kinds with lines that
 * look like drover's own, direction marks, invisible characters, half characters, and shell code.
 */
export const poison = [
  '\u001b]0;OWNED\u0007\u001b]52;c;T1dORUQ=\u001b\\\u001b[2J\u001b[1;1H\u001b[95mX\u001bc\u001bP1q\u001b\\\u001b_G\u001b\\',
  '\u009d0;OWNED\u009c\u009b31m\u0090q\u009c\u0085\u0007\u0008\u007f\u000e',
  '\nFORGED\r\nFORGED\rFORGED\u2028FORGED\u2029FORGED\u0085FORGED\u000bFORGED\fFORGED',
  '\u202eabc\u2066def\u2069\u200f\u061c\u200b\u00ad\ufeff\u2060\u{e0041}\ud800',
  '\'; touch PWNED; "; touch PWNED; $(touch PWNED) `touch PWNED` | touch PWNED & touch PWNED\ntouch PWNED\n#',
].join('');

/** The place of a node's text: `observe.containers.*.name`. */
export type Place = string;

/** Every text in the answers of nodes, in any field: found by walking over the answers. */
export class Poisoner {
  readonly places = new Set<Place>();
  /** The places that are poisoned now; `all`: every one. Nothing: the answers are only recorded. */
  target: ReadonlySet<Place> | 'all' | undefined;

  /** The same cluster with poisoned answers, errors and streams. */
  wrap(cluster: Cluster): Cluster {
    return {
      ...cluster,
      node: async (name, signal) => this.#object(await cluster.node(name, signal), []),
      transfer: (...args) => cluster.transfer(...args),
    };
  }

  text(value: string, place: Place): string {
    this.places.add(place);
    const isPoisoned = this.target === 'all' || this.target?.has(place) === true;
    return isPoisoned ? value + poison : value;
  }

  value<T>(value: T, path: readonly string[]): T {
    // The copy has the same shape; only strings differ.
    return this.#copy(value, path) as T;
  }

  #copy(value: unknown, path: readonly string[]): unknown {
    if (typeof value === 'string') return this.text(value, path.join('.'));
    if (Array.isArray(value)) return value.map((each) => this.#copy(each, [...path, '*']));
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => {
        // Names of variables, images and containers are keys, and come from the node too.
        const isMap = /^(?:environment|images|imageVolumes)$/.test(path.at(-1) ?? '');
        const inside = [...path, isMap ? '*' : key];
        return [isMap ? this.text(key, `${path.join('.')}.key`) : key, this.#copy(each, inside)];
      }),
    );
  }

  #object<T extends object>(target: T, path: readonly string[]): T {
    return new Proxy(target, {
      get: (of, key) => {
        const value: unknown = Reflect.get(of, key);
        if (typeof key === 'symbol') return value;
        const inside = [...path, key];
        if (typeof value === 'function') return (...args: unknown[]) => this.#answer(value.apply(of, args), inside);
        if (typeof value === 'object' && value !== null && !Array.isArray(value)) return this.#object(value, inside);
        return value;
      },
    });
  }

  #answer(answer: unknown, path: readonly string[]): unknown {
    if (answer instanceof Promise) {
      return answer.then(
        (value) => this.value(value, path),
        (error: unknown) => {
          throw this.#error(error, path);
        },
      );
    }
    return isStream(answer) ? this.#stream(answer, path) : answer;
  }

  async *#stream(stream: AsyncIterable<unknown>, path: readonly string[]): AsyncIterable<unknown> {
    for await (const each of stream) yield this.value(each, path);
  }

  #error(error: unknown, path: readonly string[]): unknown {
    if (!(error instanceof AppError)) return error;
    const place = `${path.join('.')}.error`;
    const { code, message, hint, retryable } = error;
    const options = { retryable, ...(hint === undefined ? {} : { hint: this.text(hint, `${place}.hint`) }) };
    return new AppError(code, this.text(message, `${place}.message`), options);
  }
}

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

/** Sequences that drover itself writes: 16 colours, and the line that moves. */
const own = /\u001b\[(?:0|1|2|31|32|33|36)m|\r\u001b\[2K/g;
const foreign =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u00ad]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/u;

/** What is unsafe on a terminal in these bytes; nothing where all is safe. `heads` may begin a line. */
export function wrongBytes(printed: string, isPainted: boolean): readonly string[] {
  const text = isPainted ? printed.replace(own, '') : printed;
  const at = text.search(foreign);
  const forged = /^[\s\d:.│·a-z]*FORGED/m.exec(text.replace(/^\s*hint: .*$/gm, ''));
  return [
    ...(at < 0 ? [] : [`a foreign character: ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 20))}`]),
    ...(forged === null ? [] : [`a forged line: ${JSON.stringify(forged[0])}`]),
  ];
}

/** The commands that were offered: after `run:`, at the end of a hint, and between backticks. */
export function offeredCommands(printed: string): readonly string[] {
  const text = printed.replace(own, '');
  const programs = 'drover|ssh|zfs|zpool|docker|nft|iptables|systemctl|sudo';
  return [
    ...[...text.matchAll(/\brun: (.*)$/gm)].map(([, command = '']) => command),
    ...[...text.matchAll(/`([^`]*)`/g)].map(([, command = '']) => command),
    ...[...text.matchAll(new RegExp(`hint: .*?: ((?:${programs}) .*)$`, 'gm'))].map(([, command = '']) => command),
    ...[...text.matchAll(new RegExp(`^ +((?:${programs}) .*)$`, 'gm'))].map(([, command = '']) => command),
  ].filter((command) => new RegExp(`^(?:\\(sleep|(?:${programs}) )`).test(command));
}
