import { createHash, scryptSync } from 'node:crypto';
import type { Application } from '../model/config.ts';
import { SealedContent } from '../model/sealed-content.ts';

/** Hash (sha256, hex) that is equal for equal values whatever the order of their keys. */
export function revisionOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex');
}

/**
 * The revision of a configuration, whose applications may hold secrets. Revisions are printed and kept in the history:
 * from a plain hash a short password could be found by trying, so that secrets go into it by a slow one.
 */
export function configRevision(content: { readonly applications: Readonly<Record<string, Application>> }): string {
  const { applications, ...rest } = content;
  const parts = Object.entries(applications).map(([name, application]) => {
    const { environment, files = [], command, entrypoint, hidesCommand, ...open } = application;
    const line = { command, entrypoint };
    const shown = {
      ...open,
      variables: Object.keys(environment).sort(),
      files,
      ...(hidesCommand === true ? {} : line),
    };
    const contents = files.map(({ content: sealed }) => secretText(sealed));
    const hasSecrets = Object.keys(environment).length > 0 || contents.length > 0 || hidesCommand === true;
    return {
      name,
      shown,
      secrets: hasSecrets ? [environment, contents, hidesCommand === true ? line : {}] : undefined,
    };
  });
  const secrets = Object.fromEntries(
    parts.flatMap(({ name, secrets: own }) => (own === undefined ? [] : [[name, own]])),
  );
  const shown = Object.fromEntries(parts.map((part) => [part.name, part.shown]));
  return revisionOf({ ...rest, applications: shown, secrets: slowHash(canonicalJson(secrets), Object.keys(shown)) });
}

const secretText = (content: SealedContent): string => Buffer.from(content.bytes()).toString('base64');

const cost = { N: 4096, r: 8, p: 1 };

/** Of the newest secrets: most saves change none. */
let last: { readonly key: string; readonly hash: string } | undefined;

function slowHash(text: string, salt: readonly string[]): string {
  if (text === '{}') return '';
  const key = revisionOf([text, salt]);
  if (last?.key !== key) last = { key, hash: scryptSync(text, salt.toSorted().join('\n'), 32, cost).toString('hex') };
  return last.hash;
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (value instanceof SealedContent) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}
