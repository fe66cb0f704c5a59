import { describe, expect, it } from 'vitest';
import {
  type ContainerField,
  containerFields,
  type FieldKind,
  type Form,
} from '../../../src/model/container-fields.ts';
import { createBody, readContainer } from '../../../src/node/docker/spec.ts';
import { desiredSpec, differences } from '../../../src/plan/container-spec.ts';
import { load } from '../config/loading.ts';

/** A value of each kind as each form writes it. */
const written: Readonly<Record<Form, Readonly<Record<FieldKind, string>>>> = {
  native: { bytes: '"64M"', integer: '2', duration: '1500ms', restart: '{name: always}', words: '[a, b]' },
  fig: { bytes: '67108864', integer: '2', duration: '1500ms', restart: '', words: '' },
  compose: { bytes: '64m', integer: '2', duration: '1500ms', restart: 'always', words: '[a, b]' },
};

const fileWith: Readonly<Record<Form, (entry: string) => string>> = {
  native: (entry) => `version: 1\napplications:\n  a: {image: x${entry}}\n`,
  fig: (entry) => `a: {image: x${entry}}\n`,
  compose: (entry) => `services:\n  a: {image: x${entry}}\n`,
};

const none = { environment: {}, command: [], entrypoint: [] };

/** What Docker reports of the container that drover would create for this file. */
function created(form: Form, entry: string) {
  const loaded = load(fileWith[form](entry), 'version: 1\nnodes: {n1: [a]}\n');
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const app = loaded.config.applications.a;
  if (app === undefined) throw new Error('the file has no application');
  const spec = desiredSpec(app, '10.0.0.1');
  const { HostConfig, Labels, ...Config } = createBody(spec, {});
  return { spec, container: readContainer({ Config: { ...Config, Labels }, HostConfig }, none) };
}

describe('the table of container fields', () => {
  const rows = containerFields.flatMap((field: ContainerField) =>
    Object.entries(field.keys).map(([form, key]) => [form as Form, key, field] as const),
  );

  it.each(rows)('takes a value from %s form (%s) to Docker and back, and notices a change', (form, key, field) => {
    const { spec, container } = created(form, `, ${key}: ${written[form][field.kind]}`);
    expect(spec).toHaveProperty(field.name);
    expect(container.spec).toEqual(spec);
    expect(differences(spec, container)).toEqual([]);
    const label = field.fromImage === undefined ? field.label : 'command';
    expect(differences(created(form, '').spec, container)).toEqual([`${label} changed`]);
  });
});
