import { suggest } from '../../did-you-mean.ts';
import { complainAtKey, entriesOf, isExtension, listKeys, type Place } from '../../fields.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { composeKeys, type KeyRule, type KeyRules, type KeySection } from './keys.ts';

const rulesOf = (section: KeySection): KeyRules => composeKeys[section];

/** The keys of a section that readers read. */
export const knownKeys = (section: KeySection): readonly string[] =>
  Object.entries(rulesOf(section)).flatMap(([key, rule]) => (isRead(rule) ? [key] : []));

const isRead = (rule: KeyRule): boolean => rule === 'runs' || rule === 'ours';

/**
 * Reports each key of a mapping that has no effect, that is refused, or that Compose does not have. A key that Compose
 * has is never taken for a misspelt one.
 */
export function checkKeys(place: Place, section: KeySection): void {
  const rules = rulesOf(section);
  const entries = entriesOf(place);
  const taken = new Set(entries.keys());
  for (const [key, entry] of entries) {
    if (isExtension(key)) continue;
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) {
      const known = Object.keys(rules);
      complainAtKey(entry, `unknown key ${quote(key)}`, () => suggest(entry.key, known, taken) ?? listKeys(known));
    } else if (rule !== 'runs' && rule !== 'ours') reportRule(entry, key, rule);
  }
}

function reportRule(place: Place, key: string, rule: Exclude<KeyRule, string>): void {
  if ('refused' in rule) {
    const { keyOffset: offset, path, report } = place;
    const message = `the key ${quote(key)} is not supported: ${rule.refused}`;
    report({ offset, path, message, hint: rule.hint, unsupported: key });
    return;
  }
  noteKey(place, rule.noted);
}

/** Notes that this key has no effect, and why. */
export function noteKey({ key, keyOffset: offset, path, report }: Place, why: string): void {
  const name = key?.source ?? '';
  report({ offset, path, message: `the key ${quote(name)} has no effect: ${why}`, isNote: true, unsupported: name });
}
