import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchesPage, readConsoleBlocks } from './console-blocks.ts';
import { labIsThere, project, readText, resetLab, run } from './lab.ts';

/** The page is the test: every command of the tutorial, in order, must print what the page shows. */
describe.skipIf(!labIsThere)('the MongoDB tutorial', async () => {
  const page = await readText(join(project, 'tutorials/mongodb/README.md'));
  let folder = '';

  beforeAll(async () => {
    await resetLab();
    // The tutorial edits its own files: work on a copy, with everything else of the project beside it.
    folder = await mkdtemp(join(tmpdir(), 'drover-tutorial-'));
    await cp(join(project, 'tutorials'), join(folder, 'tutorials'), { recursive: true });
    for (const name of ['package.json', 'lab', 'src', 'dist', 'node_modules']) {
      await symlink(join(project, name), join(folder, name));
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  for (const { line, command, expected } of readConsoleBlocks(page)) {
    it(`line ${line}: ${command}`, async () => {
      const ran = await run('bash', ['-c', command], { cwd: folder });
      console.log(`$ ${command}\n${ran.stdout}${ran.stderr}`);
      expect(ran, `${ran.stdout}${ran.stderr}`).toMatchObject({ code: 0 });
      expect(matchesPage(ran.stdout, expected), `printed:\n${ran.stdout}\nexpected:\n${expected.join('\n')}`).toBe(
        true,
      );
    });
  }
});
