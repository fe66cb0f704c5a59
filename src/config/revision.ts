import { createHash, scryptSync } from 'node:crypto';
import { canonicalJson } from '../model/canonical-json.ts';
import type { Application } from '../model/config.ts';
import { type ContainerField, containerFields } from '../model/container/fields.ts';
import { SealedContent } from '../model/container/sealed-content.ts';

/** Hash (sha256, hex) that is equal for equal values whatever the order of their keys. */
function revisionOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex');
}

/** Parts of an application that go into its revision by the slow hash, or in a form of their own. */
const mayBeSecret: ReadonlySet<string> = new Set(['environment', 'files', 'hooks', 'hidesCommand', 'options']);

/** What `hidesCommand` hides. */
const hiddenFields: ReadonlySet<string> = new Set(
  containerFields.flatMap(({ name, mayBeSecret: hides }: ContainerField) => (hides === true ? [name] : [])),
);

/**
 * The revision of a configuration, whose applications may hold secrets. Revisions are printed and kept in the history:
 * from a plain hash a short password could be found by trying, so that secrets go into it by a slow one.
 */
export function configRevision(content: { readonly applications: Readonly<Record<string, Application>> }): string {
  const { applications, ...rest } = content;
  const parts = Object.entries(applications).map(([name, application]) => {
    const { environment, files = [], hooks, hidesCommand, options } = application;
    const shown: Record<string, unknown> = { variables: Object.keys(environment).sort(), files, options };
    const line: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(options ?? {})) {
      if (value instanceof SealedContent) line[key] = secretText(value);
    }
    for (const [key, value] of Object.entries(application)) {
      if (hidesCommand === true && hiddenFields.has(key)) line[key] = value;
      else if (!mayBeSecret.has(key)) shown[key] = value;
    }
    // The programs around snapshots may have a password among their words.
    shown.volumes = application.volumes.map(({ quiesce: _quiesce, ...volume }) => volume);
    if (application.volumes.some(({ quiesce }) => quiesce !== undefined)) {
      line.quiesce = application.volumes.map(({ id, quiesce }) => [id, quiesce]);
    }
    const contents = files.map(({ content: sealed }) => secretText(sealed));
    // Programs of hooks may have a password among their words.
    if (hooks !== undefined) line.hooks = hooks;
    const hasSecrets = Object.keys(environment).length > 0 || contents.length > 0 || Object.keys(line).length > 0;
    return {
      name,
      shown,
      secrets: hasSecrets ? [environment, contents, line] : undefined,
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
