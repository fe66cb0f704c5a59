import { describe, expect, it } from 'vitest';
import { appOf, complaints, configOf, load } from '../../loading.ts';

const compose = (fields: string, rest = '') => load(`services: {a: {image: x, ${fields}}}\n${rest}`);
const mountsOf = (entry: string, rest?: string) => {
  const { volumes, binds, tmpfs } = appOf(compose(`volumes: [${entry}]`, rest));
  return { volumes: volumes.map(({ id: _id, name: _name, ...mount }) => mount), binds, tmpfs };
};

describe('volumes of a Compose service', () => {
  it.each([
    ['"data:/d:ro"', { mountpoint: '/d', readOnly: true }],
    ['"data:/d:rw"', { mountpoint: '/d' }],
    ['"data:/d:z,cached"', { mountpoint: '/d' }],
    ['"data:/d:ro,Z,nocopy"', { mountpoint: '/d', readOnly: true, noCopy: true }],
    ['{type: volume, source: data, target: /d, read_only: true}', { mountpoint: '/d', readOnly: true }],
    ['{type: volume, target: /d, volume: {nocopy: true}}', { mountpoint: '/d', noCopy: true }],
    ['{source: data, target: /d, consistency: cached}', { mountpoint: '/d' }],
  ])('%s', (entry, mount) => {
    expect(mountsOf(entry).volumes).toEqual([mount]);
  });

  it.each([
    ['"/var/run/docker.sock:/var/run/docker.sock"', { source: '/var/run/docker.sock' }],
    ['"/etc/localtime:/etc/localtime:ro"', { source: '/etc/localtime', readOnly: true }],
    ['"/:/host:ro,rslave"', { source: '/', readOnly: true, propagation: 'rslave' }],
    ['"/mnt/../mnt//media/:/media:rprivate"', { source: '/mnt/media' }],
    ['{type: bind, source: /mnt/media, target: /media}', { source: '/mnt/media' }],
    [
      '{type: bind, source: /mnt/media, target: /m, bind: {propagation: shared, create_host_path: true}}',
      { source: '/mnt/media', propagation: 'shared', createsSource: true },
    ],
  ])('%s is a file or folder of the node', (entry, bind) => {
    expect(mountsOf(entry).binds?.map(({ mountpoint: _place, ...rest }) => rest)).toEqual([bind]);
  });

  it.each([
    ['tmpfs: /run', { '/run': '' }],
    ['tmpfs: ["/run:size=64m,mode=1777", /tmp]', { '/run': 'size=64m,mode=1777', '/tmp': '' }],
    ['volumes: [{type: tmpfs, target: /c, tmpfs: {size: 64m, mode: 01777}}]', { '/c': 'size=67108864,mode=1777' }],
    ['volumes: [{type: tmpfs, target: /c, read_only: true, tmpfs: {size: 4096}}]', { '/c': 'size=4096,ro' }],
  ])('%s is in memory', (fields, tmpfs) => {
    expect(appOf(compose(fields)).tmpfs).toEqual(tmpfs);
  });

  it('may lie inside one another', () => {
    const { volumes } = mountsOf('"html:/var/www/html", "data:/var/www/html/data"');
    expect(volumes.map(({ mountpoint }) => mountpoint)).toEqual(['/var/www/html', '/var/www/html/data']);
  });

  it.each([
    ['volumes: ["a:/d", "/srv/d:/d/"]', 'the mountpoint "/d" is used already at services/a/volumes/0'],
    ['volumes: ["a:/d"], tmpfs: /d', 'the mountpoint "/d" is used already'],
    ['volumes: ["data:/d:exec"]', '"exec" is not an option of a volume here'],
    ['volumes: ["data:/d:rslave"]', '"rslave" is not an option'],
    ['volumes: ["data:/d:ro:x"]', 'too many colons'],
    ['volumes: ["C:\\\\data:/d"]', 'has a path of Windows'],
    ['volumes: ["data/sub:/d"]', 'the volume name "data/sub" is malformed'],
    ['volumes: [{type: image, source: x, target: /d}]', 'a volume of the type "image" is not supported'],
    ['volumes: [{type: npipe, source: x, target: /d}]', 'a volume of the type "npipe" is not supported'],
    ['volumes: [{type: cluster, source: x, target: /d}]', 'a volume of the type "cluster" is not supported'],
    ['volumes: [{type: bind, target: /d}]', '"source" is missing'],
    ['volumes: [{type: volume, source: v, target: /d, volume: {subpath: s}}]', 'the key "subpath" is not supported'],
    ['volumes: [{type: volume, target: /d, tmpfs: {size: 1}}]', 'has options for another type than volume'],
    ['volumes: [{type: bind, source: /d, target: /d, bind: {propagation: loud}}]', '"propagation" must be one of'],
    ['volumes: [{type: tmpfs, target: /d, tmpfs: {mode: 1777}}]', '"mode" must be an octal number with a 0 in front'],
    ['tmpfs: "/run:a b"', 'is not a list of mount options'],
    ['tmpfs: run', 'is not absolute'],
  ])('%s is refused', (fields, text) => {
    expect(complaints(compose(fields)).join('\n')).toContain(text);
  });
});

describe('the top-level volumes of a Compose file', () => {
  const used = (definition: string) => mountsOf('"v:/d"', `volumes: {v: ${definition}}\n`);

  it.each([['{driver: local}'], ['{driver: local, driver_opts: {}}'], ['{labels: {a: b}}'], ['{external: false}']])(
    '%s is a volume like any other',
    (definition) => {
      expect(used(definition).volumes).toEqual([{ mountpoint: '/d' }]);
    },
  );

  it('note labels, which have no effect', () => {
    const { notes } = configOf(compose('volumes: ["v:/d"]', 'volumes: {v: {labels: {a: b}}}\n'));
    expect(notes?.map(({ path }) => path)).toEqual(['volumes/v/labels']);
  });

  it('can stand for a folder of the node, or one in memory', () => {
    expect(used('{driver: local, driver_opts: {type: none, o: "bind,ro", device: /mnt/d}}').binds).toEqual([
      { source: '/mnt/d', mountpoint: '/d', readOnly: true },
    ]);
    expect(used('{driver_opts: {type: tmpfs, device: tmpfs, o: "size=64m"}}').tmpfs).toEqual({ '/d': 'size=64m' });
  });

  it.each([
    ['{driver: nfs-driver}', 'only the driver "local" is known'],
    ['{driver_opts: {type: nfs, o: addr=10.0.0.5, device: ":/export"}}', '"driver_opts" of the type "nfs"'],
    ['{external: maybe}', '"external" must be true or false'],
  ])('%s is refused', (definition, text) => {
    expect(complaints(compose('volumes: ["v:/d"]', `volumes: {v: ${definition}}\n`)).join('\n')).toContain(text);
  });
});
