import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../../../src/config/read-files.ts';
import type { Config, LoadResult } from '../../../../../src/model/config.ts';
import { unpackTree } from '../../../../../src/model/container/file-tree.ts';
import { defaultVolumeId } from '../../../../../src/model/names.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-binds-'));
  writeFileSync(join(folder, 'deployment.yml'), 'version: 1\nnodes: {10.0.0.1: [web]}\n');
  writeFileSync(join(folder, 'nginx.conf'), 'server {}\n');
  writeFileSync(join(folder, 'init.sh'), '#!/bin/sh\n', { mode: 0o755 });
  mkdirSync(join(folder, 'conf.d/inner'), { recursive: true });
  writeFileSync(join(folder, 'conf.d/a.conf'), 'a\n');
  writeFileSync(join(folder, 'conf.d/inner/b.conf'), 'b\n');
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'empty/.gitkeep'), '');
  mkdirSync(join(folder, 'large'));
  writeFileSync(join(folder, 'large/data'), Buffer.alloc(1024 * 1024 + 1));
  mkdirSync(join(folder, 'linked'));
  symlinkSync('/etc/passwd', join(folder, 'linked/passwd'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function read(entry: string, more = ''): Promise<LoadResult> {
  const application = join(folder, 'compose.yml');
  writeFileSync(application, `services: {web: {image: "nginx:1", volumes: [${entry}]${more}}}\n`);
  return await readConfig({ application, deployment: join(folder, 'deployment.yml') });
}

async function appWith(entry: string, more?: string) {
  const result = await read(entry, more);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { config }: { readonly config: Config } = result;
  const { volumes, files = [], binds } = config.applications.web ?? { volumes: [] };
  const trees = files.map(({ target, content, kind }) => {
    const { isFolder, files: inside } = unpackTree(content.bytes());
    const texts = inside.map(({ path, mode, bytes }) => [path, mode.toString(8), Buffer.from(bytes).toString()]);
    return { kind, target, isFolder, texts };
  });
  return { volumes, trees, binds, notes: (config.notes ?? []).map(({ message }) => message), sources: result.sources };
}

describe('a bind of a path next to the Compose file', () => {
  it('takes a file along, with its mode, and watches it', async () => {
    const { trees, volumes, notes, sources } = await appWith('"./nginx.conf:/etc/nginx/nginx.conf:ro"');
    const texts = [['', '644', 'server {}\n']];
    expect(trees).toEqual([{ kind: 'file', target: '/etc/nginx/nginx.conf', isFolder: false, texts }]);
    expect([volumes, notes]).toEqual([[], []]);
    expect(sources?.some((path) => path.endsWith('/nginx.conf'))).toBe(true);
    const script = await appWith('{type: bind, source: ./init.sh, target: /init.sh, read_only: true}');
    expect(script.trees[0]?.texts).toEqual([['', '755', '#!/bin/sh\n']]);
  });

  it('takes a folder along with all that is in it, and says that it is read-only', async () => {
    const { trees, notes, sources } = await appWith('"./conf.d:/etc/nginx/conf.d"');
    expect(trees).toMatchObject([
      {
        target: '/etc/nginx/conf.d',
        isFolder: true,
        texts: [
          ['a.conf', '644', 'a\n'],
          ['inner/b.conf', '644', 'b\n'],
        ],
      },
    ]);
    expect(notes).toEqual(['"./conf.d" goes with the application: the container cannot write to it']);
    expect(sources?.some((path) => path.endsWith('/conf.d/inner/b.conf'))).toBe(true);
  });

  it.each([['./data'], ['./empty'], ['~/none']])('%s, which has nothing in it, becomes a volume', async (source) => {
    const { volumes, trees, notes } = await appWith(`"${source}:/var/lib/data"`);
    expect([volumes, trees]).toEqual([
      [{ id: defaultVolumeId('web:/var/lib/data'), hasFixedId: true, mountpoint: '/var/lib/data' }],
      [],
    ]);
    expect(notes).toEqual([`"${source}" is not on the nodes: it becomes a volume of "web" that begins empty`]);
  });

  it.each([
    ['"./large:/data"', '"./large" has content that would not be in a volume: it is larger than 1024 KiB'],
    ['"./linked:/data"', '"./linked" has content that would not be in a volume: it has a symbolic link: passwd'],
    ['"./large:/data:ro"', '"./large" cannot go with the application'],
    ['"./none.conf:/data:ro"', '"./none.conf" does not exist'],
    ['"~/none:/data:ro"', '"~/none" does not exist'],
    ['{type: bind, source: ./data, target: /d, x-drover: {bind: local}}', '"./data" cannot stay on its node'],
    ['"./nginx.conf:/a", "b:/a"', 'the mountpoint "/a" is used already'],
  ])('%s is refused: content is never replaced by an empty volume', async (entry, message) => {
    const result = await read(entry);
    expect(result.ok ? '' : result.problems.map((one) => one.message).join('\n')).toContain(message);
  });

  it('has a full path where the file says that it stays on its node', async () => {
    const { binds, volumes } = await appWith('{type: bind, source: /srv/d, target: /d, x-drover: {bind: local}}');
    expect([binds, volumes]).toEqual([[{ source: '/srv/d', mountpoint: '/d' }], []]);
  });

  it('is a volume where the file says so', async () => {
    const choice = await appWith('{type: bind, source: ./large, target: /d, x-drover: {bind: volume}}');
    expect(choice.volumes).toHaveLength(1);
    expect((await appWith('"./large:/d"', ', x-drover: {bind: volume}')).volumes).toHaveLength(1);
  });
});
