import { hiddenText, SealedContent } from '../model/container/sealed-content.ts';

/**
 * A copy fit for printing: every value of every `environment` is replaced, whatever it is part of (configuration,
 * container, image, step), because environments are where people keep passwords; so is every content of a secret, and
 * every command line that holds values of variables, and the texts of a fix that is about such a value. The names stay.
 */
export function redact<T>(value: T): T {
  // The copy has the same shape: only strings inside environments differ.
  return copy(value, false) as T;
}

function copy(value: unknown, secret: boolean): unknown {
  if (typeof value === 'string') return secret ? hiddenText : value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof SealedContent) return hiddenText;
  if (Array.isArray(value)) return value.map((each) => copy(each, secret));
  const hides = 'hidesCommand' in value && value.hidesCommand === true;
  const isSecretFix = 'isSecret' in value && value.isSecret === true;
  const isSecret = (key: string, each: unknown): boolean =>
    isEnvironment(key, each) ||
    (hides && (key === 'command' || key === 'entrypoint')) ||
    (isSecretFix && (key === 'was' || key === 'replacement'));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, copy(v, secret || isSecret(k, v))]));
}

/** An application may be called `environment`; its value then holds more than strings. */
function isEnvironment(key: string, value: unknown): boolean {
  if (key !== 'environment' || typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((each) => typeof each === 'string');
}
