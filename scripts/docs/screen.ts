import { type ActionInfo, actions } from '../../src/tui/actions/actions.ts';
import { keyRows, readSchema } from './files.ts';
import type { Parts } from './generate.ts';
import { code, table } from './table.ts';

/** Sections of the key table, in the order in which people need them. */
const sections: Readonly<Record<ActionInfo['section'], string>> = {
  navigate: 'Move around',
  view: 'Change the view',
  plan: 'Plan and history',
  application: 'Applications and volumes',
  run: 'While a run is going on',
  tutorial: 'In a tutorial',
  general: 'Everywhere',
};

/** Keys of the screen, from its own table, and its settings, from their JSON Schema. */
export function screenParts(): Parts {
  const keys = Object.entries(sections).map(([section, title]) => {
    const rows = actions
      .filter((action) => action.section === section)
      .map(({ keys, label, id, changes }) => [
        keys.map(code).join(' '),
        `${label.replace(/…$/, '')}${changes === undefined ? '' : ' \\*'}`,
        code(id),
      ]);
    return `### ${title}\n\n${table(['key', 'what it does', 'name in the settings'], rows)}`;
  });
  const settings = keyRows(readSchema('settings')).map(({ key, value, description }) => [
    code(key),
    value,
    description,
  ]);
  return { keys: keys.join('\n'), settings: table(['key', 'value', 'meaning'], settings) };
}
