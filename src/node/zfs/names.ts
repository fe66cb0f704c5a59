import { AppError } from '../../model/errors.ts';

/** One part of a name: no `@ # %`, no blank, never starting with `-` (it would be an option) or `.`. */
const component = /^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/;
export const longestName = 255;

/** Refuses anything but a plain name strictly below our root dataset; every command with a dataset goes through it. */
export function checkDataset(dataset: string, root: string): string {
  const parts = dataset.split('/');
  const below = dataset.startsWith(`${root}/`);
  if (!below || dataset.length > longestName || !parts.every((part) => component.test(part))) {
    throw new AppError('volume-conflict', `cannot touch dataset ${JSON.stringify(dataset)}: it is not below "${root}"`);
  }
  return dataset;
}

/** Refuses a pool or parent whose name zfs or a shell could take for something else; throws `usage`. */
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

/** Refuses a snapshot, bookmark or hold name outside the allow-list. */
export function checkName(name: string): string {
  if (component.test(name) && name.length <= longestName) return name;
  throw new AppError('volume-conflict', `cannot use ${JSON.stringify(name)} as a snapshot's name: it is not valid`);
}

/** `@name` or `#name`; a bare name means a snapshot. */
export function checkBase(base: string): string {
  const mark = base[0] === '#' ? '#' : '@';
  return mark + checkName(base[0] === '#' || base[0] === '@' ? base.slice(1) : base);
}

const property = /^[a-z][a-z0-9_.:-]*$/;

/** Refuses property names and values that cannot be meant; `name=value` for zfs otherwise. */
export function checkProperty(name: string, value: string): string {
  if (property.test(name) && !/[\u0000-\u001f\u007f]/.test(value) && value.length <= 1024) return `${name}=${value}`;
  throw new AppError('volume-conflict', `cannot set property ${JSON.stringify(name)}: name or value is not valid`);
}
