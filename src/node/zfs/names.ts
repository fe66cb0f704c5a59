import { AppError } from '../../model/errors.ts';

/** One part of a name: no `@`, `#`, `%` or blank, and no `-` (an option) or `.` at the beginning. */
const component = /^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/;
export const longestName = 255;

/** Returns a plain name strictly below drover's root; throws `volume-conflict` for any other. Every command uses it. */
export function checkDataset(dataset: string, root: string): string {
  const parts = dataset.split('/');
  const below = dataset.startsWith(`${root}/`);
  if (!below || dataset.length > longestName || !parts.every((part) => component.test(part))) {
    throw new AppError('volume-conflict', `cannot touch dataset ${JSON.stringify(dataset)}: it is not below "${root}"`);
  }
  return dataset;
}

/** Returns the root's name; throws `usage` for one that zfs or a shell could misread. */
export function checkRoot(root: string): string {
  if (root.length <= longestName && root.split('/').every((part) => component.test(part))) return root;
  throw new AppError(
    'usage',
    `cannot use ${JSON.stringify(root)} as the dataset of all volumes: the name is not valid`,
    {
      hint: 'correct "pool" and "datasetRoot"',
    },
  );
}

/** Returns the name of a snapshot, bookmark or hold; throws `volume-conflict` for characters that are not allowed. */
export function checkName(name: string): string {
  if (component.test(name) && name.length <= longestName) return name;
  throw new AppError('volume-conflict', `cannot use ${JSON.stringify(name)} as a snapshot's name: it is not valid`);
}

/** A name without its `@` or `#`. */
export const bareName = (name: string): string => name.replace(/^[@#]/, '');

/** `@name` or `#name`; a bare name means a snapshot. */
export function checkBase(base: string): string {
  return (base.startsWith('#') ? '#' : '@') + checkName(bareName(base));
}

const property = /^[a-z][a-z0-9_.:-]*$/;

/** `name=value` for zfs; throws `volume-conflict` for an invalid property name or value. */
export function checkProperty(name: string, value: string): string {
  if (property.test(name) && !/[\u0000-\u001f\u007f]/.test(value) && value.length <= 1024) return `${name}=${value}`;
  throw new AppError('volume-conflict', `cannot set property ${JSON.stringify(name)}: name or value is not valid`);
}
