/** As much of JSON Schema (draft 2020-12) as the schemas of the files use; any other word makes it throw. */
export function isValid(schema: unknown, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema;
  if (!isRecord(schema)) throw new Error(`not a schema: ${JSON.stringify(schema)}`);
  if (schema.if !== undefined) {
    const branch = isValid(schema.if, value) ? schema.then : schema.else;
    return branch === undefined || isValid(branch, value);
  }
  return Object.entries(schema).every(([word, rule]) => {
    const check = words[word];
    if (check === undefined) throw new Error(`the schema has the unknown word ${word}`);
    return check(rule, value, schema);
  });
}

type Check = (rule: unknown, value: unknown, schema: Record<string, unknown>) => boolean;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
const isFine = (): boolean => true;

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isRecord,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
const onText =
  (check: (rule: string, text: string) => boolean): Check =>
  (rule, value) =>
    typeof value !== 'string' || check(String(rule), value);
const onNumber =
  (check: (rule: number, number: number) => boolean): Check =>
  (rule, value) =>
    typeof value !== 'number' || check(Number(rule), value);
const onList =
  (check: (rule: number, length: number) => boolean): Check =>
  (rule, value) =>
    !Array.isArray(value) || check(Number(rule), value.length);

/** Everything about the keys of a mapping at once. */
const keys: Check = (_rule, value, { properties = {}, patternProperties = {}, additionalProperties = true }) => {
  if (!isRecord(value)) return true;
  return Object.entries(value).every(([key, each]) => {
    const own = isRecord(properties) && Object.hasOwn(properties, key) ? [properties[key]] : [];
    const patterns = Object.entries(isRecord(patternProperties) ? patternProperties : {});
    const found = [...own, ...patterns.flatMap(([pattern, one]) => (new RegExp(pattern).test(key) ? [one] : []))];
    return (found.length > 0 ? found : [additionalProperties]).every((one) => isValid(one, each));
  });
};

const words: Readonly<Record<string, Check>> = {
  $schema: isFine,
  title: isFine,
  description: isFine,
  type: (rule, value) => listOf(rule).some((type) => types[String(type)]?.(value) === true),
  const: same,
  enum: (rule, value) => listOf(rule).some((one) => same(one, value)),
  anyOf: (rule, value) => listOf(rule).some((one) => isValid(one, value)),
  not: (rule, value) => !isValid(rule, value),
  required: (rule, value) => !isRecord(value) || listOf(rule).every((key) => Object.hasOwn(value, String(key))),
  properties: keys,
  patternProperties: keys,
  additionalProperties: keys,
  propertyNames: (rule, value) => !isRecord(value) || Object.keys(value).every((key) => isValid(rule, key)),
  items: (rule, value) => !Array.isArray(value) || value.every((item) => isValid(rule, item)),
  minItems: onList((least, length) => length >= least),
  maxItems: onList((most, length) => length <= most),
  pattern: onText((pattern, text) => new RegExp(pattern).test(text)),
  minLength: onText((least, text) => text.length >= Number(least)),
  maxLength: onText((most, text) => text.length <= Number(most)),
  minimum: onNumber((least, number) => number >= least),
  maximum: onNumber((most, number) => number <= most),
};
