import { canonicalJson } from '../../model/canonical-json.ts';
import {
  type ContainerOption,
  type ContainerOptions,
  containerOptions,
  type Json,
  openOption,
  type SeenOptions,
} from '../../model/container/options.ts';
import { SealedContent } from '../../model/container/sealed-content.ts';
import { defined } from '../../model/defined.ts';
import { entriesAt, isRecord, parseJson, textAt } from '../json.ts';

/**
 * JSON `{values, salt, hashes}`: the options that the container was made with, in Docker's form, and of those with values
 * of variables slow, salted hashes. They are compared with the desired ones by this label alone.
 */
export const optionsLabel = 'drover.options';

/** The label's text; `salt` is random for each container. Undefined for none, as for a container of an older drover. */
export function optionsToLabel(options: ContainerOptions | undefined, salt: string): string | undefined {
  const entries = Object.entries(options ?? {});
  if (entries.length === 0) return undefined;
  const values = entries.filter(([, value]) => !(value instanceof SealedContent));
  const hashes = entries.flatMap(([key, value]) =>
    value instanceof SealedContent ? [[key, value.hash(salt).hash] as const] : [],
  );
  const sealed = hashes.length === 0 ? {} : { salt, hashes: Object.fromEntries(hashes) };
  return canonicalJson({ values: Object.fromEntries(values), ...sealed });
}

/** A label of another form has no options, which then counts as a difference. */
export function labelToOptions(text: string | undefined): SeenOptions {
  const label = parseJson(text ?? '{}');
  if (!isRecord(label)) return {};
  const salt = textAt(label, 'salt') ?? '';
  const hashes = entriesAt(label, 'hashes').flatMap(([key, hash]) =>
    typeof hash === 'string' ? [[key, { salt, hash }] as const] : [],
  );
  // What was parsed from JSON is JSON.
  const values = entriesAt(label, 'values') as readonly (readonly [string, Json])[];
  const unlessEmpty = <T>(pairs: readonly (readonly [string, T])[]) =>
    pairs.length === 0 ? undefined : Object.fromEntries(pairs);
  return defined({ options: unlessEmpty(values), optionHashes: unlessEmpty(hashes) });
}

type Section = ContainerOption['docker'][0];

/** The part of Docker's create call that these options make, added to `base`; two lists for one place are joined. */
export function optionsBody(
  options: ContainerOptions | undefined,
  section: Section,
  base: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const body: Record<string, unknown> = { ...base };
  if (options === undefined) return body;
  for (const { key, docker } of containerOptions) {
    const value = options[key];
    if (value === undefined || docker[0] !== section) continue;
    const open = openOption(value);
    const parts =
      docker[1] === '*' && isRecord(open) ? (open as Readonly<Record<string, Json>>) : { [docker[1]]: open };
    for (const [name, part] of Object.entries(parts)) {
      const before = body[name];
      body[name] = Array.isArray(before) && Array.isArray(part) ? [...before, ...part] : part;
    }
  }
  return body;
}
