import type { ConfigProblem } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { noScreenSettings, type ScreenSettings } from '../model/settings.ts';
import { complain, mustBe, type Place, readAt, readFields, readWord, refuseOthers, rootPlace } from './fields.ts';
import { createFileReport } from './problems.ts';
import { parseYaml } from './yaml/parse-yaml.ts';
import { indexText } from './yaml/text-position.ts';
import { isNothing } from './yaml/yaml-node.ts';

/** What the settings file says, as far as it could be read, and everything that is wrong with it. */
export interface SettingsRead {
  readonly settings: ScreenSettings;
  readonly problems: readonly ConfigProblem[];
}

const known = ['theme', 'colours', 'glyphs', 'mouse', 'read-only', 'ask-first', 'view', 'keys', 'notify'] as const;
const themes = ['auto', 'dark', 'light', 'high-contrast', 'colour-blind', 'mono'] as const;
const glyphSets = ['unicode', 'ascii'] as const;
const views = ['auto', 'board', 'table', 'matrix'] as const;

/** Other words for the same things, from other programs' files. */
const hints: ReadonlyMap<string, string> = new Map([
  ['colors', 'use "colours"'],
  ['colour', 'use "colours"'],
  ['color', 'use "colours"'],
  ['readonly', 'use "read-only"'],
  ['readOnly', 'use "read-only"'],
  ['read_only', 'use "read-only"'],
  ['ask', 'use "ask-first"'],
  ['confirm', 'use "ask-first"'],
  ['layout', 'use "view"'],
  ['keymap', 'use "keys"'],
  ['bindings', 'use "keys"'],
]);

/**
 * The settings of the screen (`config.yml` in drover's folder below $XDG_CONFIG_HOME). A wrong entry is reported and
 * ignored; the others apply. `path` is as shown to people. Pure.
 */
export function readSettings(text: string, path: string): SettingsRead {
  const file = createFileReport(path, text);
  const { root, problems } = parseYaml(text);
  for (const { offset, message, hint } of problems) {
    file.report({ offset, path: '', message, ...defined({ hint }) });
  }
  const isEmpty = root === undefined || isNothing(root);
  const settings = isEmpty ? noScreenSettings : readRoot(rootPlace(root, file.report), text);
  return { settings, problems: file.problems() };
}

function readRoot(root: Place, text: string): ScreenSettings {
  const fields = readFields(root, 'the settings');
  if (fields === undefined) return noScreenSettings;
  refuseOthers(fields, known, 'unknown key', hints);
  const read = <T>(key: (typeof known)[number], reader: (place: Place, what: string) => T | undefined) =>
    readAt(fields.entries, key, reader);
  const word =
    <W extends string>(words: readonly W[]) =>
    (place: Place, what: string) =>
      readWord(place, what, words);
  return {
    ...defined({
      theme: read('theme', word(themes)),
      colours: read('colours', readTruth),
      glyphs: read('glyphs', word(glyphSets)),
      mouse: read('mouse', readTruth),
      isReadOnly: read('read-only', readTruth),
      asksFirst: read('ask-first', readTruth),
      arrangement: read('view', word(views)),
      notifies: read('notify', readTruth),
    }),
    ...readKeys(fields.entries.get('keys'), text),
  };
}

/** `true` or `false`; `yes` and `on` are texts in YAML 1.2, and refused with the right word. */
function readTruth(place: Place, what: string): boolean | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'boolean') return node.value;
  const word = node.kind === 'scalar' ? node.source.toLowerCase() : '';
  const meant = ['yes', 'on', 'y', '1'].includes(word) ? 'true' : ['no', 'off', 'n', '0'].includes(word) ? 'false' : '';
  return mustBe(place, what, 'true or false', meant === '' ? undefined : `write ${meant}`);
}

function readKeys(place: Place | undefined, text: string): Pick<ScreenSettings, 'keys' | 'keyPlaces'> {
  if (place === undefined || isNothing(place.node)) return noScreenSettings;
  const fields = readFields(place, '"keys"', 'write each as ACTION: KEY, or ACTION: [KEY, KEY]');
  const index = indexText(text);
  const keys: [string, readonly string[]][] = [];
  const places: [string, { line: number; column: number }][] = [];
  for (const [action, entry] of fields?.entries ?? []) {
    const wanted = readKeyList(entry, `the keys of "${action}"`);
    if (wanted === undefined) continue;
    keys.push([action, wanted]);
    places.push([action, index.position(entry.keyOffset)]);
  }
  return { keys: Object.fromEntries(keys), keyPlaces: Object.fromEntries(places) };
}

function readKeyList(place: Place, what: string): readonly string[] | undefined {
  const { node, path, report } = place;
  if (node.kind !== 'list') {
    const key = readKey(place, what);
    return key === undefined ? undefined : [key];
  }
  const keys = node.items.map((item, i) =>
    readKey({ node: item, keyOffset: item.offset, path: `${path}/${i}`, report }, what),
  );
  return keys.every((key) => key !== undefined) ? keys : undefined;
}

/** A key's name; a digit is one without quotes as well. */
function readKey(place: Place, what: string): string | undefined {
  const { node } = place;
  const isKey =
    node.kind === 'scalar' && (node.type === 'text' || (node.type === 'integer' && /^\d$/.test(node.source)));
  if (!isKey) {
    return mustBe(place, what, 'a key or a list of keys', node.kind === 'scalar' ? 'put the key in quotes' : undefined);
  }
  return node.source === '' ? complain(place, `${what} must not be empty`) : node.source;
}
