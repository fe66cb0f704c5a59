import type { Condition, KeyChange, KeyWrite, StoredKey } from '../../engine/key-store.ts';
import { at, listAt, textAt } from '../json.ts';

/** etcd's JSON has bytes as base64. */
const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const decode = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString('utf8');

/** The keys with a prefix: up to the next text that does not begin with it. All prefixes end with a character below 0xFF. */
export function rangeOf(prefix: string): { readonly key: string; readonly range_end: string } {
  const end = Buffer.from(prefix, 'utf8');
  const last = end.length - 1;
  end.writeUInt8((end[last] ?? 0) + 1, last);
  return { key: encode(prefix), range_end: end.toString('base64') };
}

/** etcd takes 0 for the revision of what does not exist. */
export function compareOf({ key, of, is = '0' }: Condition): object {
  const revision = of === 'created' ? { target: 'CREATE', create_revision: is } : { target: 'MOD', mod_revision: is };
  return { key: encode(key), result: 'EQUAL', ...revision };
}

export function requestOf(write: KeyWrite): object {
  if (write.value === undefined) return { request_delete_range: { key: encode(write.key) } };
  const lease = write.lease === undefined ? {} : { lease: write.lease };
  return { request_put: { key: encode(write.key), value: encode(write.value), ...lease } };
}

/** A 64-bit number as etcd prints it; it leaves out what is 0. */
export function numberText(value: unknown, ...keys: readonly string[]): string | undefined {
  const text = textAt(value, ...keys);
  return text !== undefined && /^\d{1,19}$/.test(text) ? text : undefined;
}

export const revisionOf = (answer: unknown): string | undefined => numberText(answer, 'header', 'revision');

/** Undefined for anything that is not a key of etcd. */
export function readKey(value: unknown): StoredKey | undefined {
  const key = textAt(value, 'key');
  const created = numberText(value, 'create_revision');
  const modified = numberText(value, 'mod_revision');
  if (key === undefined || created === undefined || modified === undefined) return undefined;
  const lease = numberText(value, 'lease');
  return {
    key: decode(key),
    value: decode(textAt(value, 'value')),
    created,
    modified,
    ...(lease === undefined ? {} : { lease }),
  };
}

export type WatchMessage =
  | { readonly kind: 'changes'; readonly changes: readonly KeyChange[] }
  | { readonly kind: 'compacted' }
  | { readonly kind: 'canceled'; readonly why: string };

/** One message of a watch. `created` and progress messages are changes without any. */
export function readWatch(message: unknown): WatchMessage {
  const result = at(message, 'result');
  if (message === undefined) return { kind: 'canceled', why: 'a line that is not JSON' };
  const error = textAt(message, 'error', 'message') ?? textAt(message, 'error');
  if (error !== undefined) return { kind: 'canceled', why: error };
  if (numberText(result, 'compact_revision') !== undefined) return { kind: 'compacted' };
  if (at(result, 'canceled') === true) {
    return { kind: 'canceled', why: textAt(result, 'cancel_reason') ?? 'the server ended the watch' };
  }
  const changes = listAt(result, 'events').flatMap((event): KeyChange[] => {
    const key = textAt(event, 'kv', 'key');
    const modified = numberText(event, 'kv', 'mod_revision');
    if (key === undefined || modified === undefined) return [];
    const value = textAt(event, 'type') === 'DELETE' ? undefined : decode(textAt(event, 'kv', 'value'));
    return [{ key: decode(key), value, modified }];
  });
  return { kind: 'changes', changes };
}

/** The changes of one message by the write that made them. */
export function byWrite(changes: readonly KeyChange[]): KeyChange[][] {
  const groups: KeyChange[][] = [];
  for (const change of changes) {
    const last = groups.at(-1);
    if (last?.[0]?.modified === change.modified) last.push(change);
    else groups.push([change]);
  }
  return groups;
}
