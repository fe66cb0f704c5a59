import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadedPackages } from '../../support/loaded-packages.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = join(root, 'dist', 'drover.js');
let folder = '';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The built program, in the test's own folder, with a home and a state folder of its own. */
function drover(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const own = { PATH: process.env.PATH ?? '', HOME: folder, XDG_STATE_HOME: join(folder, 'state'), ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: folder, env: own }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    );
  });
}

const application =
  'version: 1\napplications:\n  web:\n    image: nginx\n    environment: {TOKEN: hunter2-is-secret}\n';
/** No program listens on port 1 of this machine: connections are refused at once. */
const inventory = 'version: 1\nnodes:\n  127.0.0.1: {name: here, port: 1, user: nobody}\n';

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'scripts', 'ts.mjs'), join(root, 'scripts', 'build.ts')]);
  folder = await mkdtemp(join(tmpdir(), 'drover-program-'));
  await writeFile(join(folder, 'application.yml'), application);
  await writeFile(join(folder, 'deployment.yml'), 'version: 1\nnodes:\n  127.0.0.1: [web]\n');
  await writeFile(join(folder, 'drover.yml'), inventory);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

// Each test starts several processes, on machines that may be busy.
describe('the built program', () => {
  it('prints its version and its help, and loads nothing heavy for that', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(await drover(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
    const help = await drover(['--help'], { NODE_DEBUG: 'esm,module' });
    expect([help.code, help.out]).toEqual([0, expect.stringMatching(/^Usage: drover /)]);
    expect(loadedPackages(root, help.err)).toEqual(['commander']);
  });

  it('validates from another folder', async () => {
    const { code, out } = await drover(['validate', '-C', '.']);
    expect([code, out]).toEqual([0, '✔ both files are good: 1 application on 1 node\n']);
  });

  it('has no colours where the output is no terminal', async () => {
    for (const args of [['validate'], ['status'], ['--help'], ['plan', '--bla']]) {
      const { out, err } = await drover(args);
      expect(out + err).not.toContain('\u001b');
    }
  });

  it('says that a node cannot be reached, and exits with what is blocked', async () => {
    const status = await drover(['status']);
    expect(status.code).toBe(1);
    expect(status.out).toMatch(/here \(127\.0\.0\.1\) +✘ unreachable/);
    const apply = await drover(['apply']);
    expect([apply.code, apply.err]).toEqual([4, '']);
    expect(apply.out).toContain('here (127.0.0.1): cannot connect to');
    expect(apply.out + apply.err).not.toContain('hunter2');
    expect(apply.out + apply.err).not.toMatch(/^\s+at /m);
  });

  it('edits deployment.yml and names where it looked', async () => {
    await writeFile(join(folder, 'deployment.yml'), 'version: 1\nnodes:\n  127.0.0.1: [web] # here\n  127.0.0.2: []\n');
    const { code, out } = await drover(['move', 'web', '127.0.0.2', '--no-apply']);
    expect([code, out.split('\n')[0]]).toEqual([0, 'deployment.yml']);
    expect(await readFile(join(folder, 'deployment.yml'), 'utf8')).toBe(
      'version: 1\nnodes:\n  127.0.0.1: [] # here\n  127.0.0.2: [web]\n',
    );
  });

  it('moves what shares a volume together', async () => {
    const services = 'web: {image: nginx, volumes: ["a:/srv"]}, cron: {image: x, volumes: ["b:/srv:ro"]}';
    await writeFile(join(folder, 'compose.yaml'), `services: {${services}}\nvolumes: {a: {name: s}, b: {name: s}}\n`);
    await writeFile(join(folder, 'both.yml'), 'version: 1\nnodes:\n  127.0.0.1: [web, cron]\n  127.0.0.2: []\n');
    const files = ['-a', 'compose.yaml', '-d', 'both.yml'];
    const { code, out } = await drover(['move', 'web', '127.0.0.2', '--no-apply', ...files]);
    expect([code, out.split('\n')[0]]).toEqual([0, '"cron" shares a volume with it and moves too']);
    expect(await readFile(join(folder, 'both.yml'), 'utf8')).toBe(
      'version: 1\nnodes:\n  127.0.0.1: []\n  127.0.0.2: [web, cron]\n',
    );
    const again = JSON.parse((await drover(['move', 'cron', '127.0.0.1', '--no-apply', '--json', ...files])).out);
    expect(again).toMatchObject({ app: 'cron', with: ['web'], from: '127.0.0.2', to: '127.0.0.1' });
  });

  it("uses the lab's inventory only for nodes of the deployment that nothing else describes", async () => {
    const lab = join(folder, 'state', 'drover', 'lab', 'default');
    await mkdir(lab, { recursive: true });
    const described = '  127.0.0.2: {name: fromlab, port: 1, user: root}\n  127.0.0.9: {name: stranger, port: 1}\n';
    await writeFile(join(lab, 'drover.yml'), `version: 1\nnodes:\n  127.0.0.1: {name: other, port: 2}\n${described}`);
    const { nodes } = JSON.parse((await drover(['status', '--json'])).out);
    expect(nodes.map(({ name }: { name: string }) => name)).toEqual(['here', 'fromlab']);
    await rm(join(folder, 'state'), { recursive: true });
  });

  it('exits with 64 and 65 for wrong words and wrong files', async () => {
    expect((await drover(['fly'])).code).toBe(64);
    expect((await drover(['validate', '-d', 'nowhere.yml'])).code).toBe(65);
    expect((await drover(['validate', '--inventory', 'nowhere.yml'])).code).toBe(65);
  });

  it('reports an unreadable file as a problem of the file', async () => {
    await mkdir(join(folder, 'folder.yml'));
    const { code, err } = await drover(['validate', '-a', 'folder.yml']);
    expect(code).toBe(65);
    expect(err).toContain('it is a folder');
  });

  it('can be run by its name alone', async () => {
    await chmod(folder, 0o755);
    expect(String(execFileSync(program, ['--version']))).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
