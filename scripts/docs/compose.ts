import { composeKeys, type KeyRule, type KeyRules, type KeySection } from '../../src/config/forms/compose/keys.ts';
import { meaningOf } from '../schema/compose-schema.ts';
import type { Parts } from './generate.ts';
import { code, table } from './table.ts';

/** Where a section stands in a file; sections whose keys all have the rule of the key that holds them are left out. */
const paths: Readonly<Partial<Record<KeySection, string>>> = {
  file: '',
  service: 'services.NAME.',
  depends_on: 'services.NAME.depends_on.NAME.',
  healthcheck: 'services.NAME.healthcheck.',
  ports: 'services.NAME.ports[].',
  'service.networks': 'services.NAME.networks.NAME.',
  'service.volumes': 'services.NAME.volumes[].',
  'service.volumes.bind': 'services.NAME.volumes[].bind.',
  'service.volumes.volume': 'services.NAME.volumes[].volume.',
  'service.volumes.tmpfs': 'services.NAME.volumes[].tmpfs.',
  deploy: 'services.NAME.deploy.',
  'deploy.resources.limits': 'services.NAME.deploy.resources.limits.',
  'deploy.resources.reservations': 'services.NAME.deploy.resources.reservations.',
  'deploy.restart_policy': 'services.NAME.deploy.restart_policy.',
  network: 'networks.NAME.',
  volume: 'volumes.NAME.',
  secret: 'secrets.NAME.',
  config: 'configs.NAME.',
};

interface KeyRow {
  readonly section: KeySection;
  readonly key: string;
  readonly rule: KeyRule;
  readonly path: string;
}

/** What drover does with each key of a Compose file, from the table that the program reads as well. */
export function composeParts(): Parts {
  const rows = Object.entries(paths).flatMap(([section, path]) =>
    rowsOf(section as KeySection, path, composeKeys[section as KeySection]),
  );
  const where = (test: (rule: KeyRule) => boolean): readonly KeyRow[] => rows.filter(({ rule }) => test(rule));
  return {
    accepted: table(
      ['key', 'meaning'],
      where((rule) => typeof rule === 'string').map((row) => [code(row.path), meaningOf(row.section, row.key)]),
    ),
    noted: table(
      ['key', 'why it has no effect'],
      where((rule) => typeof rule === 'object' && 'noted' in rule).map(({ path, rule }) => [
        code(path),
        typeof rule === 'object' && 'noted' in rule ? rule.noted : '',
      ]),
    ),
    refused: table(
      ['key', 'why', 'in its place'],
      where((rule) => typeof rule === 'object' && 'refused' in rule).map(({ path, rule }) => [
        code(path),
        ...(typeof rule === 'object' && 'refused' in rule ? [rule.refused, rule.hint] : ['', '']),
      ]),
    ),
  };
}

const rowsOf = (section: KeySection, path: string, rules: KeyRules): readonly KeyRow[] =>
  Object.entries(rules).map(([key, rule]) => ({ section, key, rule, path: `${path}${key}` }));
