import { containerOptions } from '../../src/model/container/options.ts';
import { schemaFiles } from '../schema/shapes.ts';
import type { Parts } from './generate.ts';
import { code, table } from './table.ts';

/** What this generator reads of a JSON Schema. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly then?: Schema;
  readonly else?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface KeyRow {
  readonly key: string;
  readonly value: string;
  readonly description: string;
  readonly isRequired: boolean;
}

/** Keys of every form of the files, read from the JSON Schemas that editors use. */
export function filesParts(): Parts {
  return {
    'native form': keyTable(keyRows(nativeForm()).filter(isNoOption)),
    'container options': table(
      ['key', 'meaning'],
      containerOptions.map(({ key, about }) => [code(key), about]),
    ),
    'Fig form': keyTable(keyRows(figForm())),
    'deployment.yml': keyTable(keyRows(readSchema('deployment'))),
    'drover.yml': keyTable(keyRows(readSchema('drover'))),
  };
}

/** The options of containers, which are the same in both forms, have a table of their own. */
const isNoOption = ({ key }: KeyRow): boolean => {
  const own = /^applications\.NAME\.([a-z_]+)/.exec(key)?.[1];
  return !containerOptions.some((option) => option.key === own);
};

export function readSchema(name: string): Schema {
  return JSON.parse(schemaFiles()[`${name}.schema.json`] ?? '{}');
}

function nativeForm(): Schema {
  const found = readSchema('application').else?.then;
  if (found === undefined) throw new Error('application.schema.json has no native form');
  return found;
}

/** Fig's top-level keys are services; its files of the two other kinds are as in the other forms. */
function figForm(): Schema {
  const found = readSchema('application').else?.else;
  const services = typeof found?.additionalProperties === 'object' ? found.additionalProperties.anyOf : undefined;
  if (services?.[0] === undefined) throw new Error("application.schema.json has no form with Fig's services");
  return { type: 'object', additionalProperties: services[0] };
}

/** One row for each key, those inside of it after it: `applications.NAME.ports[].internal`. */
export function keyRows(schema: Schema, prefix = ''): readonly KeyRow[] {
  const own = Object.entries(schema.properties ?? {}).filter(([key]) => !isSecondSpelling(key, schema));
  const named = own.flatMap(([key, value]) => [
    {
      key: `${prefix}${key}`,
      value: valueOf(value),
      description: descriptionOf(value),
      isRequired: schema.required?.includes(key) ?? false,
    },
    ...inside(value, `${prefix}${key}`),
  ]);
  const rest = schema.additionalProperties;
  return typeof rest === 'object' && Object.keys(rest).length > 0
    ? [...named, ...inside({ ...schema, properties: {} }, prefix.replace(/\.$/, ''))]
    : named;
}

/** Keys inside of the value of a key, whatever it may be besides: a list, a map with names of your own, or one of several. */
function inside(schema: Schema, path: string): readonly KeyRow[] {
  const dot = path === '' ? '' : `${path}.`;
  if (schema.anyOf !== undefined) return distinct(schema.anyOf.flatMap((each) => inside(each, path)));
  if (schema.type === 'array' && schema.items !== undefined) return inside(schema.items, `${path}[]`);
  const rest = schema.additionalProperties;
  if (typeof rest === 'object' && Object.keys(schema.properties ?? {}).length === 0) {
    const own = { key: `${dot}NAME`, value: valueOf(rest), description: rest.description ?? '', isRequired: false };
    return hasKeys(rest) ? inside(rest, own.key) : own.description === '' ? [] : [own];
  }
  return keyRows({ ...schema, additionalProperties: false }, dot);
}

const hasKeys = (schema: Schema): boolean => schema.properties !== undefined || (schema.anyOf?.some(hasKeys) ?? false);

/** A key that several shapes of a value have is one row, with the values of all of them. */
function distinct(rows: readonly KeyRow[]): readonly KeyRow[] {
  const byKey = new Map<string, KeyRow>();
  for (const row of rows) {
    const before = byKey.get(row.key);
    const value = before === undefined || before.value === row.value ? row.value : `${before.value}, ${row.value}`;
    byKey.set(row.key, { ...row, value, description: before?.description || row.description });
  }
  return [...byKey.values()];
}

/** `identity_file` where there is `identityFile`: both are read, one is documented. */
function isSecondSpelling(key: string, { properties = {} }: Schema): boolean {
  const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return camel !== key && camel in properties;
}

function descriptionOf(schema: Schema): string {
  return schema.description ?? schema.anyOf?.map(descriptionOf).find((text) => text !== '') ?? '';
}

/** What may stand there, in a few words. */
function valueOf(schema: Schema): string {
  if (schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.map(valueOf).filter((text) => text !== ''))].join(' or ');
  if (schema.const !== undefined) return code(String(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((each) => code(String(each))).join(', ');
  if (Array.isArray(schema.type)) return schema.type.map((type: string) => valueOf({ type })).join(' or ');
  switch (schema.type) {
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'string':
      return 'text';
    case 'boolean':
      return '`true`, `false`';
    case 'array':
      return 'list';
    case 'object':
      return 'map';
    case 'null':
      return '';
    default:
      return 'any';
  }
}

function numberOf({ minimum, maximum }: Schema): string {
  // Without a limit of its own a number has JavaScript's.
  const isLimited = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (!isLimited) return 'number';
  return `number, ${minimum ?? 0} to ${maximum}`;
}

function keyTable(rows: readonly KeyRow[]): string {
  return table(
    ['key', 'value', 'meaning'],
    rows.map(({ key, value, description, isRequired }) => [
      code(key),
      value,
      `${isRequired ? '**Required.** ' : ''}${description}`.trim(),
    ]),
  );
}
