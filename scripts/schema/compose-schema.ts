import { z } from 'zod';
import { composeKeys, type KeyRules, type KeySection } from '../../src/config/forms/compose/keys.ts';
import { type ContainerField, containerFields } from '../../src/model/container/fields.ts';
import { containerOptions } from '../../src/model/container/options.ts';
import { meanings } from './meanings.ts';
import { optionShapes } from './option-shapes.ts';

/** A JSON Schema as data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The sections inside of keys, and how they stand there. */
const parts: Readonly<Record<string, () => JsonSchema>> = {
  'file.services': () => mapOf(sectionSchema('service')),
  'file.volumes': () => mapOf(nullable(sectionSchema('volume'))),
  'file.networks': () => mapOf(nullable(sectionSchema('network'))),
  'file.secrets': () => mapOf(sectionSchema('secret')),
  'file.configs': () => mapOf(sectionSchema('config')),
  'service.command': () => ({ type: ['string', 'array', 'null'] }),
  'service.entrypoint': () => ({ type: ['string', 'array', 'null'] }),
  'service.image': () => ({ type: 'string', minLength: 1 }),
  'service.environment': () => ({ type: ['object', 'array', 'null'] }),
  'service.restart': () => ({
    anyOf: [{ type: 'string', pattern: '^(no|always|unless-stopped|on-failure(:[0-9]+)?)$|\\$' }, { const: false }],
  }),
  'service.depends_on': () => listOrMap({ type: 'string' }, sectionSchema('depends_on')),
  'service.networks': () => listOrMap({ type: 'string' }, nullable(sectionSchema('service.networks'))),
  'service.ports': () => listOf({ type: ['string', 'number'] }, sectionSchema('ports')),
  'service.volumes': () => listOf({ type: 'string' }, sectionSchema('service.volumes')),
  'service.secrets': () => listOf({ type: 'string' }, sectionSchema('service.files')),
  'service.configs': () => listOf({ type: 'string' }, sectionSchema('service.files')),
  'service.healthcheck': () => nullable(sectionSchema('healthcheck')),
  'service.deploy': () => nullable(sectionSchema('deploy')),
  'service.post_start': () => listOf(sectionSchema('hook')),
  'service.pre_stop': () => listOf(sectionSchema('hook')),
  'service.volumes.bind': () => sectionSchema('service.volumes.bind'),
  'service.volumes.volume': () => sectionSchema('service.volumes.volume'),
  'service.volumes.tmpfs': () => sectionSchema('service.volumes.tmpfs'),
  'service.volumes.image': () => sectionSchema('service.volumes.image'),
  'deploy.resources': () => nullable(sectionSchema('deploy.resources')),
  'deploy.resources.limits': () => nullable(sectionSchema('deploy.resources.limits')),
  'deploy.resources.reservations': () => nullable(sectionSchema('deploy.resources.reservations')),
  'deploy.resources.reservations.devices': () => listOf(sectionSchema('deploy.resources.reservations.devices')),
  'deploy.restart_policy': () => nullable(sectionSchema('deploy.restart_policy')),
};

const nullable = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });
const mapOf = (value: JsonSchema): JsonSchema =>
  nullable({ type: 'object', patternProperties: { '^x-': {} }, additionalProperties: value });
const listOf = (...items: readonly JsonSchema[]): JsonSchema =>
  nullable({ type: 'array', items: items.length === 1 ? items[0] : { anyOf: items } });
const listOrMap = (item: JsonSchema, value: JsonSchema): JsonSchema => ({
  anyOf: [{ type: 'array', items: item }, mapOf(value)],
});

/** A mapping of the Compose form: a key that drover refuses is not allowed, and its description says why. */
function sectionSchema(section: KeySection): JsonSchema {
  const rules: KeyRules = composeKeys[section];
  const properties = Object.fromEntries(
    Object.entries(rules).map(([key, rule]) => {
      const description = meaningOf(section, key);
      const isRefused = typeof rule === 'object' && 'refused' in rule;
      return [key, isRefused ? { description, not: {} } : { description, ...valueSchema(section, key) }];
    }),
  );
  return { type: 'object', properties, patternProperties: { '^x-': {} }, additionalProperties: false };
}

function valueSchema(section: KeySection, key: string): JsonSchema {
  const part = parts[`${section}.${key}`];
  if (part !== undefined) return part();
  const shape = section === 'service' ? optionShapes[key] : undefined;
  if (!(shape instanceof z.ZodType)) return {};
  const { $schema: _, description: __, ...rest } = z.toJSONSchema(shape, { target: 'draft-2020-12', io: 'input' });
  return rest;
}

/** What drover does with a key of a Compose file, in a sentence. */
export function meaningOf(section: KeySection, key: string): string {
  const rule = (composeKeys[section] as KeyRules)[key];
  if (typeof rule === 'object') {
    return 'noted' in rule ? `No effect: ${rule.noted}.` : `Not supported: ${rule.refused}. Instead: ${rule.hint}.`;
  }
  const option = section === 'service' ? containerOptions.find((one) => one.key === key) : undefined;
  const field =
    section === 'service' ? containerFields.find(({ keys }: ContainerField) => keys.compose === key) : undefined;
  return meanings[section]?.[key] ?? option?.about ?? field?.about ?? '';
}

/** The Compose form of the application file. */
export const composeSchema = (): JsonSchema => ({
  ...sectionSchema('file'),
  required: ['services'],
  description: 'A Compose file. docs/compose.md says what drover does with each key.',
});
