import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ContainerSpec } from '../../../../src/model/cluster.ts';
import type { ContainerFile } from '../../../../src/model/container/file.ts';
import { SealedContent } from '../../../../src/model/container/sealed-content.ts';
import { checkFiles, filesLabel, tarOf } from '../../../../src/node/docker/files.ts';
import { createBody, readContainer } from '../../../../src/node/docker/spec.ts';
import { differences } from '../../../../src/plan/container-spec.ts';
import { redact } from '../../../../src/view/redact.ts';

const secret = (changes: Partial<ContainerFile> = {}): ContainerFile => ({
  kind: 'secret',
  name: 'pw',
  target: '/run/secrets/pw',
  uid: 0,
  gid: 0,
  mode: 0o444,
  content: SealedContent.ofText('hunter2'),
  ...changes,
});

const spec = (files: readonly ContainerFile[], changes: Partial<ContainerSpec> = {}): ContainerSpec => ({
  application: 'web',
  image: 'i:1',
  ports: [],
  environment: {},
  mounts: [],
  restartPolicy: { name: 'never' },
  ...(files.length === 0 ? {} : { files }),
  ...changes,
});

const defaults = { environment: {}, command: [], entrypoint: [] };

/** What Docker would say of a container that was made so. */
function readBack(wanted: ContainerSpec, status = 'running', salt = 'salt') {
  const body = createBody(wanted, {}, [], salt);
  const { Labels, Cmd } = body;
  return readContainer({ Config: { Labels, Cmd, Image: 'i:1', Env: [] }, State: { Status: status } }, defaults);
}

describe('secrets and configs of a container', () => {
  it('are an archive with their paths, owners and modes', () => {
    const long = `/etc/${'d'.repeat(90)}/${'e'.repeat(90)}/file name`;
    const tar = tarOf([
      secret({ mode: 0o640, content: SealedContent.ofText('a'.repeat(513)) }),
      secret({ target: long, uid: 70_000_000, gid: 12, content: SealedContent.ofText('') }),
    ]);
    const folder = mkdtempSync(join(tmpdir(), 'drover-tar-'));
    try {
      writeFileSync(join(folder, 'a.tar'), tar);
      const list = execFileSync('tar', ['--numeric-owner', '-tvf', join(folder, 'a.tar')], { encoding: 'utf8' });
      const rows = list
        .trimEnd()
        .split('\n')
        .map((row) => row.split(/\s+/));
      expect(rows.map(([mode, owner, size]) => [mode, owner, size])).toEqual([
        ['-rw-r-----', '0/0', '513'],
        ['-r--r--r--', '70000000/12', '0'],
      ]);
      expect(list).toContain(long.slice(1));
      execFileSync('tar', ['-C', folder, '-xf', join(folder, 'a.tar'), 'run/secrets/pw']);
      expect(readFileSync(join(folder, 'run/secrets/pw'), 'utf8')).toBe('a'.repeat(513));
      expect(statSync(join(folder, 'run/secrets/pw')).mode & 0o777).toBe(0o640);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('are in the body that Docker gets as a salted hash, never as they are', () => {
    const one = JSON.stringify(createBody(spec([secret()]), {}, [], 'salt one'));
    const other = JSON.stringify(createBody(spec([secret()]), {}, [], 'salt two'));
    for (const text of [one, other]) {
      expect(text).toContain(filesLabel);
      expect(text).not.toContain('hunter2');
      expect(text).not.toContain(Buffer.from('hunter2').toString('base64url'));
    }
    const hash = (text: string): string | undefined => /\\"hash\\":\\"([^\\]+)/.exec(text)?.[1];
    expect(hash(one)).not.toBe(hash(other));
  });

  it.each<[string, readonly ContainerFile[], readonly ContainerFile[], readonly string[]]>([
    ['the same', [secret()], [secret({ content: SealedContent.ofText('hunter2') })], []],
    ['another content', [secret()], [secret({ content: SealedContent.ofText('x') })], ['secret "pw" changed']],
    ['another mode', [secret()], [secret({ mode: 0o400 })], ['owner or mode of the secret "pw" changed']],
    ['another owner', [secret()], [secret({ uid: 5 })], ['owner or mode of the secret "pw" changed']],
    ['one more', [], [secret()], ['it gets the secret "pw" at /run/secrets/pw']],
    ['one less', [secret({ kind: 'config' })], [], ['it loses the config "pw" at /run/secrets/pw']],
  ])('%s', (_name, before, after, wanted) => {
    expect(differences(spec(after), readBack(spec(before)))).toEqual(wanted);
    // A container that was read back equals itself.
    const seen = readBack(spec(before));
    expect(differences(seen.spec, seen)).toEqual([]);
  });

  it('do not count in a container that has never started', () => {
    const seen = readBack(spec([secret()]), 'created');
    expect(differences(spec([secret()]), seen)).toEqual(['it gets the secret "pw" at /run/secrets/pw']);
  });

  it('are refused in a volume of the image, and without a content', () => {
    expect(() => checkFiles(spec([secret({ target: '/var/x/pw' })]), ['/var/x'], 'n1')).toThrow(/volume at \/var\/x/);
    expect(() => checkFiles(readBack(spec([secret()])).spec, [], 'n1')).toThrow(/not in the files/);
  });

  it('have labels from a node that may hold anything', () => {
    for (const label of [
      '',
      'x',
      '[]',
      '{"files":7}',
      '{"files":[null,7,{}]}',
      `{"salt":"${'s'.repeat(1e5)}","files":[{}]}`,
    ]) {
      const inspected = { Config: { Labels: { [filesLabel]: label } }, State: { Status: 'running' } };
      expect(differences(spec([secret()]), readContainer(inspected, defaults))).toContain(
        'it gets the secret "pw" at /run/secrets/pw',
      );
    }
  });

  it('and command lines with values of variables are hidden in everything that is printed', () => {
    const wanted = spec([secret()], { command: ['run', 'hunter2'], environment: { A: 'hunter2' }, hidesCommand: true });
    expect(JSON.stringify(redact(wanted))).not.toContain('hunter2');
    const seen = readBack(wanted);
    expect(seen.spec).toMatchObject({ command: ['run', 'hunter2'], hidesCommand: true });
    expect(JSON.stringify(redact(seen))).not.toContain('hunter2');
    const open = readBack(spec([], { command: ['run', 'x'] }));
    expect(JSON.stringify(redact(open))).toContain('"x"');
    // Its words are known, and could be shown until it says that they are to be hidden.
    expect(differences(spec([], { command: ['run', 'x'], hidesCommand: true }), open)).toHaveLength(1);
  });
});
