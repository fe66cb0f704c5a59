import { boolCoreTag, floatCoreTag, intCoreTag, NOT_RESOLVED, nullCoreTag } from 'js-yaml';
import type { ScalarValue } from './yaml-node.ts';

/** An untagged, unquoted scalar by the YAML 1.2 core schema (`yes` and `22:22` are text). */
export function resolvePlain(source: string): ScalarValue {
  return (
    resolveNull(source) ?? resolveBoolean(source) ?? resolveInteger(source) ?? resolveDecimal(source) ?? text(source)
  );
}

/** A scalar with an explicit tag; undefined where the tag is unknown or does not fit. */
export function resolveTagged(tag: string, source: string): ScalarValue | undefined {
  if (tag === '!') return text(source);
  const name = /^(?:!!|!<tag:yaml\.org,2002:)(str|null|bool|int|float)>?$/.exec(tag)?.[1];
  if (name === 'str') return text(source);
  if (name === 'null') return resolveNull(source);
  if (name === 'bool') return resolveBoolean(source);
  if (name === 'int') return resolveInteger(source);
  return name === 'float' ? resolveDecimal(source) : undefined;
}

const text = (value: string): ScalarValue => ({ type: 'text', value });

function resolveNull(source: string): ScalarValue | undefined {
  return nullCoreTag.resolve(source, false, nullCoreTag.tagName) === NOT_RESOLVED
    ? undefined
    : { type: 'null', value: null };
}

function resolveBoolean(source: string): ScalarValue | undefined {
  const value = boolCoreTag.resolve(source, false, boolCoreTag.tagName);
  return value === NOT_RESOLVED ? undefined : { type: 'boolean', value };
}

function resolveInteger(source: string): ScalarValue | undefined {
  const value = intCoreTag.resolve(source, false, intCoreTag.tagName);
  return value === NOT_RESOLVED ? undefined : { type: 'integer', value };
}

function resolveDecimal(source: string): ScalarValue | undefined {
  const value = floatCoreTag.resolve(source, false, floatCoreTag.tagName);
  return value === NOT_RESOLVED ? undefined : { type: 'decimal', value };
}
