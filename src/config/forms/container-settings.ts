import {
  type ContainerField,
  type ContainerSettings,
  containerFields,
  type FieldKind,
  type Form,
  type RestartPolicy,
  toSettings,
  type ValueOfKind,
} from '../../model/container/fields.ts';
import { type Place, readInteger, readText } from '../fields.ts';
import { parseGrace } from '../values.ts';
import { quote } from '../yaml/yaml-node.ts';
import { readHealthcheck } from './healthcheck.ts';
import { accept } from './read-parts.ts';

/** How a form writes a kind of value; `what` names the key in messages. Undefined: there is none, or it was reported. */
type Reader<K extends FieldKind> = (place: Place, what: string, field: ContainerField) => ValueOfKind[K] | undefined;

export type SettingReaders = { readonly [K in FieldKind]: Reader<K> };

/** The kinds that all forms write in the same way. 0 is Docker's word for "default", and so for no value. */
export const commonReaders = {
  integer: (place, what, { range = [0, Number.MAX_SAFE_INTEGER] }) => readInteger(place, what, ...range) || undefined,
  duration: (place, what) => {
    const text = readText(place, what);
    return text === undefined ? undefined : accept(place, parseGrace(text), `${what}: `);
  },
  healthcheck: readHealthcheck,
} satisfies Partial<SettingReaders>;

type Settings = ContainerSettings & { readonly restartPolicy: RestartPolicy; readonly staysDown?: true };

/** Reads the keys that the table of container fields has for this form. */
export function readSettings(form: Form, entries: ReadonlyMap<string, Place>, readers: SettingReaders): Settings {
  const read = (field: ContainerField): unknown => {
    const key = field.keys[form];
    const place = key === undefined ? undefined : entries.get(key);
    return key === undefined || place === undefined ? undefined : readers[field.kind](place, quote(key), field);
  };
  const settings = toSettings(containerFields.map((field) => [field.name, read(field)]));
  const restartPolicy = settings.restartPolicy ?? { name: 'never' };
  // What has ended is started again by `watch`, but not where the file itself says never.
  return { ...settings, restartPolicy, ...(settings.restartPolicy?.name === 'never' ? { staysDown: true } : {}) };
}
