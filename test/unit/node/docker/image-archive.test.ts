import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { onlyOneUnnamedImage } from '../../../../src/node/docker/image-archive.ts';

const hex = 'a'.repeat(64);
type Files = Readonly<Record<string, string | Buffer>>;

/** An archive as tar makes it. */
function archive(files: Files, more: readonly string[] = []): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'drover-archive-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const { stdout, status } = spawnSync('tar', ['-C', folder, '-cf', '-', ...Object.keys(files), ...more], {
    maxBuffer: 2 ** 26,
  });
  expect(status).toBe(0);
  rmSync(folder, { recursive: true });
  return stdout;
}

/** Through the check in pieces of this size. */
const pass = (tar: Buffer, size = 10_000): Promise<Buffer> => {
  const pieces = Array.from({ length: Math.ceil(tar.length / size) }, (_, at) =>
    tar.subarray(at * size, (at + 1) * size),
  );
  return buffer(onlyOneUnnamedImage(Readable.from(pieces), 'the image "web:1" on "node2"'));
};

const layer = Buffer.alloc(300_000, 'x');
const legacy = { Config: `${hex}.json`, RepoTags: null, Layers: [`${hex}/layer.tar`] };
const oci = { Config: `blobs/sha256/${hex}`, RepoTags: null, Layers: [`blobs/sha256/${hex}`] };
const index = { schemaVersion: 2, manifests: [{ mediaType: 'm', digest: `sha256:${hex}`, size: 1 }] };
const named = (key: string) => ({
  ...index,
  manifests: [{ ...index.manifests[0], annotations: { [key]: 'postgres:16' } }],
});
/** As Docker 20.10 and 26 save an image by its id. */
const old: Files = { [`${hex}/layer.tar`]: layer, [`${hex}.json`]: '{}', 'manifest.json': JSON.stringify([legacy]) };
const recent: Files = {
  [`blobs/sha256/${hex}`]: layer,
  'index.json': JSON.stringify(index),
  'manifest.json': JSON.stringify([oci]),
  'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
};

describe('an archive of an image', () => {
  it.each([
    ['Docker 20.10', old],
    ['Docker 26', recent],
  ])('of %s passes as it is, in whatever pieces it comes', async (_, files) => {
    const tar = archive(files);
    for (const size of [511, 10_000, 2 ** 24]) expect((await pass(tar, size)).equals(tar)).toBe(true);
  });

  const manifest = (...images: unknown[]) => ({ ...old, 'manifest.json': JSON.stringify(images) });
  it.each<readonly [string, Files, string]>([
    ['names another image', manifest({ ...legacy, RepoTags: ['postgres:16'] }), 'it gives a name'],
    ['names itself', manifest({ ...legacy, RepoTags: ['web:1'] }), 'it gives a name'],
    ['names itself in another type', manifest({ ...legacy, RepoTags: 'web:1' }), 'it gives a name'],
    [
      'brings a second image',
      manifest(legacy, { ...legacy, RepoTags: ['postgres:16'] }),
      'it does not contain exactly one image',
    ],
    ['brings none', manifest(), 'it does not contain exactly one image'],
    ['is described by something else', { ...old, 'manifest.json': '{"a":1}' }, 'it does not contain exactly one image'],
    ['is described by no JSON', { ...old, 'manifest.json': 'RepoTags' }, 'is not JSON'],
    ['has the names of old versions', { ...old, repositories: '{"postgres":{"16":"x"}}' }, 'it gives a name'],
    [
      'has a name in its index',
      { ...recent, 'index.json': JSON.stringify(named('io.containerd.image.name')) },
      'a name',
    ],
    [
      'has a tag in its index',
      { ...recent, 'index.json': JSON.stringify(named('org.opencontainers.image.ref.name')) },
      'a name',
    ],
    [
      'has a description without end',
      { ...old, 'manifest.json': `[${' '.repeat(2_000_000)}]` },
      'is not a small regular file',
    ],
    ['describes nothing', { 'x.json': '{}' }, 'it describes no image'],
  ])('that %s is refused, and never ends', async (_, files, why) => {
    await expect(pass(archive(files))).rejects.toMatchObject({
      code: 'docker-failed',
      message: expect.stringContaining(why),
    });
  });

  it('is looked at under every name that means the same file', async () => {
    const bad = JSON.stringify([{ ...legacy, RepoTags: ['postgres:16'] }]);
    for (const name of ['./manifest.json', `${hex}/../manifest.json`]) {
      const tar = spawnSync('bash', [
        '-c',
        'cd "$(mktemp -d)"; printf %s "$1" >f; tar -P --transform "s,^f$,$2," -cf - f',
        'x',
        bad,
        name,
      ]);
      await expect(pass(tar.stdout)).rejects.toThrow('it gives a name');
    }
  });

  it('with a second description behind a good one, or one that is a link, is refused', async () => {
    const bad = archive({ 'manifest.json': JSON.stringify([{ ...legacy, RepoTags: ['postgres:16'] }]) });
    // Without the two empty blocks at the end of the first one.
    const end = archive(old).findLastIndex((byte) => byte !== 0);
    const first = archive(old).subarray(0, Math.ceil((end + 1) / 512) * 512);
    await expect(pass(Buffer.concat([first, bad]))).rejects.toThrow('it gives a name');
    const link = spawnSync('bash', [
      '-c',
      'cd "$(mktemp -d)"; echo "[]" >x; ln -s x manifest.json; tar -cf - x manifest.json',
    ]);
    await expect(pass(link.stdout)).rejects.toThrow('not a small regular file');
  });

  it('that is none, or is cut off, is refused', async () => {
    await expect(pass(Buffer.alloc(100_000, 'x'))).rejects.toMatchObject({ code: 'docker-failed' });
    await expect(pass(Buffer.alloc(0))).rejects.toMatchObject({ code: 'docker-failed' });
    await expect(pass(archive(old).subarray(0, 200_000))).rejects.toMatchObject({ code: 'docker-failed' });
  });
});
