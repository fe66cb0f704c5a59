import { describe, expect, it } from 'vitest';
import { sampleFiles } from '../../../src/tui-main.ts';
import { configOf, load } from './loading.ts';

describe('the sample files', () => {
  const files = sampleFiles('/usr/share/drover/schema');

  it('are right, and place both applications, the database with a volume', () => {
    const config = configOf(load(files['application.yml'] ?? '', files['deployment.yml']));
    expect(Object.values(config.deployment).flat().toSorted()).toEqual(['database', 'web']);
    expect(config.applications.database?.volumes).toHaveLength(1);
    expect(config.applications.web?.links).toHaveLength(1);
  });

  it('tell editors where their schemas are', () => {
    for (const [name, text] of Object.entries(files)) {
      const stem = name.split('.')[0];
      expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=/usr/share/drover/schema/${stem}.schema.json`);
    }
  });
});
