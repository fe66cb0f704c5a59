import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/read-files.ts';
import { readCommandLine } from '../../../src/tutorial/command-line.ts';
import { placementAt } from '../../../src/tutorial/placement.ts';
import { readPage } from '../../../src/tutorial/read-page.ts';
import type { Tutorial } from '../../../src/tutorial/types.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

const pages = readdirSync(join(root, 'tutorials'))
  .filter((name) => existsSync(join(root, 'tutorials', name, 'README.md')))
  .map((name) => ({ name, path: `tutorials/${name}/README.md` }));

function tutorialOf(name: string, path: string): Tutorial | undefined {
  const read = readPage(textOf(path), path, name);
  if (read?.ok === false) expect(read.problems).toEqual([]);
  return read?.ok === true ? read.tutorial : undefined;
}

const tutorials = pages.flatMap(({ name, path }) => tutorialOf(name, path) ?? []);

/** Every page is followed on the screen: what its remarks name has to be there. */
describe('the pages of the tutorials', () => {
  it('has the first one', () => {
    expect(tutorials.map(({ name }) => name)).toContain('mongodb');
  });

  for (const tutorial of tutorials) {
    describe(tutorial.name, async () => {
      const read = async (folder: string) => {
        const [application = ''] = tutorial.files;
        const loaded = await readConfig({
          application: join(root, folder, application),
          deployment: join(root, folder, 'deployment.yml'),
        });
        expect(loaded).toMatchObject({ ok: true });
        return [folder, loaded.ok ? loaded.config : undefined] as const;
      };
      const apps = new Map(await Promise.all(tutorial.parts.map(({ folder }) => read(folder))));
      const known = new Set([...apps.values()].flatMap((config) => Object.keys(config?.applications ?? {})));

      it('names nodes of its files, and applications of its parts', () => {
        for (const config of apps.values()) {
          expect(Object.keys(config?.nodes ?? {}).toSorted()).toEqual(Object.values(tutorial.nodes).toSorted());
        }
        for (const step of tutorial.steps) {
          const mine = Object.keys(apps.get(tutorial.parts[step.part]?.folder ?? '')?.applications ?? {});
          for (const check of step.checks) {
            if ('app' in check) expect(check.kind === 'stopped' ? [...known] : mine).toContain(check.app);
            const nodes = [
              ...('on' in check && check.on !== undefined ? [check.on] : []),
              ...('by' in check ? [check.by] : []),
              ...('through' in check ? check.through : []),
            ];
            for (const node of nodes) expect(Object.keys(tutorial.nodes)).toContain(node);
          }
          for (const { act } of step.commands) {
            if (act.kind !== 'move') continue;
            expect(mine).toContain(act.app);
            expect(Object.keys(tutorial.nodes)).toContain(act.to);
          }
        }
      });

      it('begins each folder as its own deployment.yml says', () => {
        for (const [folder, config] of apps) {
          const first = tutorial.steps.find(({ part }) => tutorial.parts[part]?.folder === folder);
          for (const [app, node] of Object.entries(placementAt(tutorial, first?.id ?? ''))) {
            expect(config?.deployment[tutorial.nodes[node] ?? node]).toContain(app);
          }
        }
      });

      it('has a check for each step, and commands that are there', () => {
        for (const { checks, commands, id } of tutorial.steps) {
          expect([id, checks.length > 0, commands.length > 0]).toEqual([id, true, true]);
          for (const { text } of commands) {
            const read = readCommandLine(text);
            if (read?.program === 'node') expect(existsSync(join(root, read.words[0] ?? ''))).toBe(true);
          }
        }
      });

      it('leads on to one that is there', () => {
        if (tutorial.next !== undefined) expect(tutorials.map(({ name }) => name)).toContain(tutorial.next);
      });
    });
  }
});
