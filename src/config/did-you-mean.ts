import type { Advice } from './problems.ts';
import { quote, type YamlScalar } from './yaml/yaml-node.ts';

const maxCandidates = 2000;
const maxLength = 100;

/** `did you mean "mongodb"?` for the nearest known name, or undefined where none is near. */
export function didYouMean(name: string, known: Iterable<string>): string | undefined {
  const near = nearest(name, known);
  return near === undefined ? undefined : `did you mean ${quote(near)}?`;
}

/**
 * `did you mean "mongodb"?` about this key or value, with the edit that fixes it if no other name is as near.
 * `taken` are the names that may not be written a second time here; the one that is given is added.
 */
export function suggest(
  node: YamlScalar | undefined,
  known: Iterable<string>,
  taken: Set<string> = new Set(),
): Advice | undefined {
  if (node === undefined) return undefined;
  const names = [...known];
  const near = nearest(node.source, names);
  if (near === undefined) return undefined;
  const hint = `did you mean ${quote(near)}?`;
  if (taken.has(near) || !isAlone(node.source, near, names)) return { hint };
  taken.add(near);
  return { hint, edit: { node, value: near, style: 'as-written' } };
}

/** `rename "node" to "nodes"`: the one of these keys that was meant to have that name. */
export function renameTo(name: string, keys: readonly YamlScalar[]): Advice | undefined {
  const sources = keys.map(({ source }) => source);
  const near = nearest(name, sources);
  const node = keys.find(({ source }) => source === near);
  if (near === undefined || node === undefined) return undefined;
  const hint = `rename ${quote(near)} to ${quote(name)}`;
  return isAlone(name, near, sources) ? { hint, edit: { node, value: name, style: 'as-written' } } : { hint };
}

/** True where no other name is as near as this one. */
export function isAlone(name: string, near: string, known: readonly string[]): boolean {
  const distance = distanceOf(name, near);
  const rest = known.slice(0, maxCandidates).filter((other) => other !== near && other.length <= maxLength);
  return rest.every((other) => Math.abs(other.length - name.length) > distance || distanceOf(name, other) > distance);
}

const distanceOf = (a: string, b: string): number => editDistance(a.toLowerCase(), b.toLowerCase());

/** The known name with the fewest edits from `name`, if they are few enough for a slip of the fingers. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > maxLength) return undefined;
  let best: string | undefined;
  let bestDistance = name.length <= 3 ? 1.5 : Math.max(2, Math.floor(name.length / 3)) + 0.5;
  let seen = 0;
  for (const candidate of known) {
    seen += 1;
    if (seen > maxCandidates) break;
    if (candidate.length > maxLength || Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = distanceOf(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein with swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
