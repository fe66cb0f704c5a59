import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isConfigCase, runConfigCase } from '../../cases/config-case.ts';

for (const file of ['config.json', 'config-beyond.json']) {
  const content = JSON.parse(readFileSync(new URL(`../../cases/${file}`, import.meta.url), 'utf8'));
  const cases = content.cases.filter(isConfigCase);

  describe(`the cases of ${file}`, () => {
    it('are all configuration cases', () => {
      expect(cases.length).toBe(content.cases.length);
      expect(cases.length).toBeGreaterThan(10);
    });

    for (const given of cases) {
      it(`${given.id}: ${given.expect}`, () => {
        const { differences, problems } = runConfigCase(given);
        expect(differences).toEqual([]);
        for (const problem of problems) {
          expect(problem.line, problem.message).toBeGreaterThan(0);
          expect(problem.file).toMatch(/^(application|deployment)\.yml$/);
        }
      });
    }
  });
}
