import { load, YAMLException } from 'js-yaml';
import type { AppName } from '../../model/config.ts';
import { indexText } from '../yaml/text-position.ts';
import { type CollectionPlace, placesOf, type TextPlace } from './edit-tree.ts';

/**
 * Where the application's name stands in application.yml in any of its three forms (both from 1, columns in UTF-16
 * units); undefined where the file does not have it, or cannot be read as YAML.
 */
export function placeOfApplication(
  text: string,
  app: AppName,
): { readonly line: number; readonly column: number } | undefined {
  const body = text.startsWith('\uFEFF') ? text.slice(1) : text;
  try {
    const key = keyOf(body, app);
    return key === undefined ? undefined : indexText(body).position(key.start);
  } catch (error) {
    if (error instanceof YAMLException) return undefined;
    throw error;
  }
}

function keyOf(text: string, app: AppName): TextPlace | undefined {
  const root = placesOf(text);
  if (root?.kind !== 'map') return undefined;
  const sections = ['applications', 'services'].flatMap((name) => {
    const value = entryOf(text, root, name)?.value;
    return value?.kind === 'map' ? [value] : [];
  });
  // Fig's form has the applications at the top level.
  return [...sections, root].map((map) => entryOf(text, map, app)?.key).find((key) => key !== undefined);
}

function entryOf(text: string, { children }: CollectionPlace, name: string) {
  for (let i = 0; i + 1 < children.length; i += 2) {
    const [key, value] = [children[i], children[i + 1]];
    if (key === undefined || key.kind !== 'scalar' || key.start < 0) continue;
    if (String(load(text.slice(key.start, key.end))) === name) return { key, value };
  }
  return undefined;
}
