const HIDDEN = '(hidden)';

/**
 * A copy fit for printing: every value of every `environment` is replaced, whatever it is part of (configuration,
 * container, image, step), because environments are where people keep passwords. The names stay.
 */
export function redact<T>(value: T): T {
  // The copy has the same shape: only strings inside environments differ.
  return copy(value, false) as T;
}

function copy(value: unknown, secret: boolean): unknown {
  if (typeof value === 'string') return secret ? HIDDEN : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => copy(each, secret));
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, copy(v, secret || isEnvironment(k, v))]));
}

/** An application may be called `environment`; its value then holds more than strings. */
function isEnvironment(key: string, value: unknown): boolean {
  if (key !== 'environment' || typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((each) => typeof each === 'string');
}
