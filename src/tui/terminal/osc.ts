import { plainText } from '../../model/plain-text.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Terminals forget or cut what is longer; measured in bytes of base64, as they do. */
export const clipboardLimitBytes = 100_000;

/** Sets the window's title. */
export const titleSequence = (title: string): string => `\u001b]2;${plainText(title)}\u0007`;

/** The text for the terminal's clipboard (OSC 52); undefined where it is too long for it. */
export function clipboardSequence(text: string, env: Environment): string | undefined {
  const encoded = Buffer.from(text).toString('base64');
  if (encoded.length > clipboardLimitBytes) return undefined;
  const sequence = `\u001b]52;c;${encoded}\u0007`;
  // tmux keeps the one for itself (set-clipboard on) and hands the other on (allow-passthrough on).
  return env.TMUX === undefined ? sequence : sequence + throughTmux(sequence);
}

/** A notification of the desktop: OSC 777 where the terminal is known to understand it, else OSC 9. */
export function notificationSequence(title: string, text: string, env: Environment): string {
  const [head, body] = [plainText(title).replaceAll(';', ','), plainText(text).replaceAll(';', ',')];
  const knows777 =
    env.VTE_VERSION !== undefined ||
    /^(?:foot|rxvt)/.test(env.TERM ?? '') ||
    /^(?:WezTerm|ghostty)$/.test(env.TERM_PROGRAM ?? '');
  const sequence = knows777 ? `\u001b]777;notify;${head};${body}\u0007` : `\u001b]9;${head}: ${body}\u0007`;
  return env.TMUX === undefined ? sequence : throughTmux(sequence);
}

const throughTmux = (sequence: string): string =>
  `\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}\u001b\\`;
