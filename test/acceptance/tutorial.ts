import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsoleCommand, matchesPage, readConsoleBlocks } from './console-blocks.ts';
import { labIsThere, project, readText, resetLab, run } from './lab.ts';

/** What a test looks at between the commands of a page. */
export interface TutorialLooks {
  /** Runs right after the command, once it has printed what the page shows; throws where something is wrong. */
  after?(command: ConsoleCommand): Promise<void>;
  /** What the page's hints tell a reader who has written too much, and what it prints, whole. */
  readonly again?: readonly { readonly command: string; readonly prints: string }[];
}

/** The page is the test: every command of `tutorials/NAME/README.md`, in order, must print what the page shows. */
export function describeTutorial(name: string, looks: TutorialLooks = {}): void {
  describe.skipIf(!labIsThere)(`the tutorial ${name}`, async () => {
    const page = await readText(join(project, 'tutorials', name, 'README.md'));
    let folder = '';

    beforeAll(async () => {
      await resetLab();
      // A tutorial edits its own files: work on a copy, with everything else of the project beside it.
      folder = await mkdtemp(join(tmpdir(), 'drover-tutorial-'));
      await cp(join(project, 'tutorials'), join(folder, 'tutorials'), { recursive: true });
      for (const beside of ['package.json', 'host', 'lab', 'scripts', 'src', 'dist', 'node_modules']) {
        await symlink(join(project, beside), join(folder, beside));
      }
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    for (const each of readConsoleBlocks(page)) {
      const { line, command, expected } = each;
      it(`line ${line}: ${command}`, async () => {
        const began = performance.now();
        const ran = await run('bash', ['-c', command], { cwd: folder });
        const seconds = ((performance.now() - began) / 1000).toFixed(1);
        console.log(`$ ${command}   (${seconds} s)\n${ran.stdout}${ran.stderr}`);
        expect(ran, `${ran.stdout}${ran.stderr}`).toMatchObject({ code: 0 });
        const shown = `printed:\n${ran.stdout}\nexpected:\n${expected.join('\n')}`;
        expect(matchesPage(ran.stdout, expected), shown).toBe(true);
        await looks.after?.(each);
      });
    }
    it.each(looks.again ?? [])('a reader who begins again: $command', async ({ command, prints }) => {
      const ran = await run('bash', ['-c', command], { cwd: folder });
      expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: prints });
    });
  });
}
