import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { bundledPackages, printLicenses } from '../../../scripts/licenses.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const lockFile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

describe('the licences of bundled packages', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-licenses-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const add = (path: string, manifestOf: object, files: Readonly<Record<string, string>>): void => {
    const at = join(folder, 'node_modules', path);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, 'package.json'), JSON.stringify(manifestOf));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text);
  };
  const bundleOf = (...paths: readonly string[]) => ({
    outputs: { 'a.js': { inputs: Object.fromEntries(paths.map((path) => [path, { bytesInOutput: 1 }])) } },
  });

  it('are printed with name, version and text, each package once, nested ones as well', () => {
    add('one', { name: 'one', version: '1.0.0', license: 'MIT' }, { LICENSE: 'text of one', NOTICE: 'notice of one' });
    add('@s/two', { name: '@s/two', version: '2.0.0', license: 'ISC' }, { 'licence.md': 'text of two' });
    add('@s/two/node_modules/one', { name: 'one', version: '0.9.0', license: 'MIT' }, { COPYING: 'older text' });
    const packages = bundledPackages(
      bundleOf(
        'src/main.ts',
        'node_modules/one/a.js',
        'node_modules/one/b.js',
        'node_modules/@s/two/index.js',
        'node_modules/@s/two/node_modules/one/a.js',
      ),
      folder,
    );
    const text: string = printLicenses(packages);
    expect(text.match(/^(?:one|@s\/two) \d.*$/gm)).toEqual(['@s/two 2.0.0', 'one 0.9.0', 'one 1.0.0']);
    for (const part of ['text of one', 'notice of one', 'text of two', 'older text', 'Licence: ISC'])
      expect(text).toContain(part);
  });

  it('are taken from the README where only that has them, and a package without any ends the build', () => {
    add(
      'three',
      { name: 'three', version: '1.0.0', license: 'MIT' },
      {
        'README.md': '# three\n\n## License\n\nPermission is hereby granted\n\n## More\n\nwords\n',
      },
    );
    const three = bundledPackages(bundleOf('node_modules/three/index.js'), folder);
    expect(printLicenses(three)).toContain('Permission is hereby granted');
    expect(printLicenses(three)).not.toContain('words');
    add('four', { name: 'four', version: '1.0.0', license: 'MIT' }, { 'README.md': '# four\n' });
    expect(() => bundledPackages(bundleOf('node_modules/four/index.js'), folder)).toThrow(
      'cannot bundle four: there is no licence text in the package',
    );
  });

  it('are beside the built program, for every package that is in it', () => {
    const text = readFileSync(join(root, 'dist', 'THIRD-PARTY-LICENSES'), 'utf8');
    const bundled: Record<string, readonly string[]> = JSON.parse(
      readFileSync(join(root, 'dist', '.drover-packages.json'), 'utf8'),
    );
    const names = [...new Set(Object.values(bundled).flat())];
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) expect(text).toMatch(new RegExp(`^${name.replaceAll('/', '\\/')} \\d`, 'm'));
    expect(names).not.toContain('ws');
  });
});

describe('what is published and installed', () => {
  it('is what the program needs when it runs: no test runner, no developer tools, no package that is bundled', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const [packed] = JSON.parse(stdout);
    const paths: string[] = packed.files.map(({ path }: { path: string }) => path);
    expect(paths).toContain('dist/drover.js');
    expect(paths).toContain('dist/THIRD-PARTY-LICENSES');
    expect(paths.filter((path) => /^dist\/(?:cases|\.)|devtools/.test(path))).toEqual([]);
    expect(Object.keys(manifest.dependencies)).toEqual(['ssh2']);
  });

  it('names no registry, has the sha512 of each file, and the lock file fits package.json', () => {
    const own = lockFile.packages[''];
    expect(own.dependencies).toEqual(manifest.dependencies);
    expect(own.devDependencies).toEqual(manifest.devDependencies);
    const packages: [string, { resolved?: string; integrity?: string; link?: boolean }][] = Object.entries(
      lockFile.packages,
    );
    const wrong = packages.filter(
      ([path, { resolved, integrity = '', link }]) =>
        path !== '' && (link === true || resolved !== undefined || !/^sha512-[\w+/=]+$/.test(integrity)),
    );
    expect(wrong.map(([path]) => path)).toEqual([]);
    const loose = Object.values({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      (version) => !/^\d+\.\d+\.\d+$/.test(String(version)),
    );
    expect(loose).toEqual([]);
  });

  it('has no known vulnerability of a high level', async (context) => {
    const { verdict, said } = await audit();
    if (verdict === 'no answer') {
      console.log(`skipped: npm audit: the registry does not answer: ${said.trim().slice(0, 200)}`);
      context.skip();
    }
    expect(verdict, said).toBe('clean');
  });

  const bad = {
    ssh2: [{ id: 1, url: 'https://a.example/1', title: 'bad', severity: 'high', vulnerable_versions: '<99.0.0' }],
  };
  it.each<readonly [string, number, object, Verdict]>([
    ['names one of them as vulnerable', 200, bad, 'vulnerable'],
    ['names none', 200, {}, 'clean'],
    ['takes no such question', 405, {}, 'no answer'],
    ['is out of order', 503, {}, 'no answer'],
  ])('is judged as the registry says, where it %s', async (_what, status, answer, verdict) => {
    const registry = createServer((request, response) => {
      request.resume();
      const isAudit = request.url === '/-/npm/v1/security/advisories/bulk';
      response.writeHead(isAudit ? status : 404, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    });
    await once(registry.listen(0, '127.0.0.1'), 'listening');
    const { port } = registry.address() as AddressInfo;
    onTestFinished(() => void registry.close());
    expect(await audit(`http://127.0.0.1:${port}/`)).toMatchObject({ verdict });
  });
});

type Verdict = 'clean' | 'vulnerable' | 'no answer';

/** What `npm audit` finds in the lock file, asked of the usual registry or of another one. */
async function audit(registry?: string): Promise<{ readonly verdict: Verdict; readonly said: string }> {
  const words = ['audit', '--audit-level=high', '--json', '--fetch-retries=0'];
  const child = spawn('npm', registry === undefined ? words : [...words, `--registry=${registry}`], { cwd: root });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [status] = await once(child, 'close');
  const answer = parse(stdout);
  if (answer?.metadata?.vulnerabilities === undefined) return { verdict: 'no answer', said: answer?.message ?? stderr };
  return { verdict: status === 0 ? 'clean' : 'vulnerable', said: stdout };
}

function parse(text: string): { metadata?: { vulnerabilities?: object }; message?: string } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
