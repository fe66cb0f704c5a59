import { type ComposeEnvironment, takeFromEnvironment } from '../../env/env-files.ts';
import type { FileContext } from '../../env/file-context.ts';
import { entriesOf, mustBe, type Place, readItems, readText } from '../../fields.ts';
import { isNothing, quote } from '../../yaml/yaml-node.ts';
import { checkVariable, readAssignments } from '../read-parts.ts';

export const noEnvironment: ComposeEnvironment = { set: [], unset: new Set() };

export function readEnvironment(place: Place, context: FileContext): ComposeEnvironment {
  const { node } = place;
  if (isNothing(node)) return noEnvironment;
  if (node.kind !== 'map' && node.kind !== 'list') {
    mustBe(place, '"environment"', 'a mapping or a list', 'write each variable as NAME: "value"');
    return noEnvironment;
  }
  const set: (readonly [string, string])[] = [];
  const unset = new Set<string>();
  const take = (name: string, entry: Place): void => {
    const taken = takeFromEnvironment(name, entry, context);
    if (taken === undefined) return;
    if (taken.value === undefined) unset.add(name);
    else set.push([name, taken.value]);
  };
  if (node.kind === 'list') {
    for (const item of readItems(place, '"environment"') ?? []) {
      const { node: text } = item;
      if (text.kind === 'scalar' && text.type === 'text' && !text.value.includes('=')) take(text.value, item);
      else set.push(...readAssignments([item]));
    }
  } else {
    for (const [name, entry] of entriesOf(place)) {
      if (isNothing(entry.node)) {
        take(name, entry);
        continue;
      }
      const value = readValue(entry, name);
      if (value !== undefined && checkVariable(entry, name, value)) set.push([name, value]);
    }
  }
  return { set, unset };
}

/** Compose turns numbers and truth values into text as written. */
function readValue(place: Place, name: string): string | undefined {
  const { node } = place;
  if (node.kind === 'scalar') return node.source;
  return readText(place, `the value of the environment variable ${quote(name)}`);
}
