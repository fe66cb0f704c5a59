import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Leftovers } from '../../../../src/engine/run/leftovers.ts';
import { AppError } from '../../../../src/model/errors.ts';
import { sendFlags } from '../../../../src/model/untrusted.ts';
import { checkBase, checkDataset, checkName, checkProperty, checkRoot } from '../../../../src/node/zfs/names.ts';
import {
  flagsAtBirth,
  parseCapabilities,
  parseEstimate,
  parsePool,
  parseToken,
  parseVolumes,
} from '../../../../src/node/zfs/output.ts';
import { exits } from '../../../../src/node/zfs/scripts.ts';
import { createZfsStore } from '../../../../src/node/zfs/store.ts';
import { type Sent, scriptedConnection } from '../../../fakes/scripted-connection.ts';
import fc from '../../../support/random.ts';

const golden = (name: string): string => readFileSync(new URL(`../../../golden/zfs/${name}`, import.meta.url), 'utf8');
const signal = new AbortController().signal;
const place = { pool: 'drover', datasetRoot: 'volumes' };
const dataset = 'drover/volumes/web-1';

describe('volumes from what zfs prints', () => {
  const get = golden('get-2.3.9.txt');
  const list = golden('list-2.3.9.txt');

  it('are the datasets with our own properties; a child that inherits them is foreign', () => {
    expect(parseVolumes(get, list)).toEqual([
      {
        id: 'fixture',
        application: 'web',
        dataset: 'drover/volumes/web-fixture',
        role: 'owner',
        owner: 'n2',
        epoch: 3,
        mounted: false,
        usedBytes: 196_608,
        referencedBytes: 98_304,
        writtenBytes: 0,
        limitBytes: 67_108_864,
        flags: '-L -c',
        snapshots: [
          { name: 'drover-e3-1', guid: '2225141662570209849', createTxg: '371' },
          { name: 'drover-e3-2', guid: '4035757236273932252', createTxg: '372' },
        ],
        bookmarks: [{ name: 'drover-base', guid: '2225141662570209849', createTxg: '371' }],
        children: ['drover/volumes/web-fixture/child'],
      },
    ]);
  });

  it('keep 64-bit guids whole and order snapshots by createtxg as numbers, whatever the order they came in', () => {
    const name = 'drover/volumes/web-fixture';
    const text = `${name}@b\t18446744073709551615\t1000\n${name}@a\t9007199254740993\t999\n`;
    expect(parseVolumes(get, text)[0]?.snapshots).toEqual([
      { name: 'a', guid: '9007199254740993', createTxg: '999' },
      { name: 'b', guid: '18446744073709551615', createTxg: '1000' },
    ]);
  });

  it('have what was set on the dataset itself, and only what can be given to a copy', () => {
    const name = 'drover/volumes/web-fixture';
    const more = [
      ['recordsize', '8192', 'local'],
      ['compression', 'zstd-3', 'local'],
      ['atime', 'off', 'inherited from drover'],
      ['xattr', 'sa', 'default'],
      ['acltype', 'posix; reboot', 'local'],
      ['logbias', '--help', 'local'],
      ['setuid', 'on', 'local'],
    ].map((row) => `${[name, ...row].join('\t')}\n`);
    expect(parseVolumes(get + more.join(''), list)[0]?.tuning).toEqual({ recordsize: '8192', compression: 'zstd-3' });
  });

  it('carry a resume token, and have no limit where refquota is 0', () => {
    const changed = get
      .replace('web-fixture\treceive_resume_token\t-', 'web-fixture\treceive_resume_token\t1-ab-cd')
      .replace('67108864\tlocal', '0\tdefault');
    const volume = parseVolumes(changed, '')[0];
    expect(volume?.resumeToken).toBe('1-ab-cd');
    expect(volume).not.toHaveProperty('limitBytes');
  });

  it('do not include a dataset with an unknown role, or with received properties', () => {
    expect(parseVolumes(get.replace('drover:role\towner\tlocal', 'drover:role\tking\tlocal'), list)).toEqual([]);
    expect(parseVolumes(get.replace('fixture\tlocal', 'fixture\treceived'), list)).toEqual([]);
  });
});

describe('estimates and tokens', () => {
  it.each([
    ['full\tdrover/volumes/a@s1\t8448112\nsize\t8448112\n', 8_448_112],
    ['incremental\ts1\tdrover/volumes/a@s2\t624\nsize\t624\n', 624],
    ['size 5\n', 5],
    ['', undefined],
    ['size\t-\n', undefined],
    ['size\t18446744073709551104\n', undefined],
  ])('%j is %s bytes', (text, bytes) => {
    expect(parseEstimate(text)).toBe(bytes);
  });

  it('reads a token’s guid as a decimal 64-bit number, and what is left', () => {
    const text =
      'resume token contents:\nnvlist version: 0\n\tobject = 0x3\n\ttoguid = 0xc1043ec222ecefca\n' +
      '\ttoname = drover/volumes/a@s1\n\tcompressok = 1\nfull\tdrover/volumes/a@s1\t5553480\nsize\t5553480\n';
    expect(parseToken(text)).toEqual({
      toGuid: BigInt('0xc1043ec222ecefca').toString(),
      toName: 'drover/volumes/a@s1',
      remainingBytes: 5_553_480,
    });
    expect(parseToken(`${text}\trawok = 1\n`)).toMatchObject({ isRaw: true });
    expect(parseToken('cannot resume send')).toBeUndefined();
  });

  it('distinguishes a token whose snapshot is gone from a broken one', async () => {
    const contents = '\ttoguid = 0x1\n\ttoname = drover/volumes/a@s1\n';
    const gone = scriptedConnection(() => ({ code: 255, stdout: contents, stderr: 'cannot resume send' }));
    expect(await createZfsStore(gone, place).readToken('1-ab-cd', signal)).toBeUndefined();
    const broken = scriptedConnection(() => ({ code: 255, stderr: 'resume token is corrupt' }));
    await expect(createZfsStore(broken, place).readToken('1-ab-cd', signal)).rejects.toThrow('token is corrupt');
    await expect(createZfsStore(broken, place).readToken('1; reboot', signal)).rejects.toThrow(
      'not a resume token of zfs',
    );
    expect(broken.sent).toHaveLength(1);
  });
});

describe('what zfs can do', () => {
  const pool = 'drover\tONLINE\t100\t50\tenabled\tactive\n40\n';
  const system = '2.3.9-0+deb13u1\n6.12.0 x86_64\n';

  it('is read from its version and the pool’s features', () => {
    const all = { resume: true, bookmarks: true, compressed: true, largeBlocks: true };
    expect(parseCapabilities(pool, system)).toEqual(all);
  });

  it('leaves large blocks and bookmarks out where the pool has them disabled', () => {
    const disabled = pool.replace('enabled\tactive', 'disabled\tdisabled');
    expect(parseCapabilities(disabled, system)).toMatchObject({ bookmarks: false, largeBlocks: false });
  });

  it.each([
    ['zfs-2.1.1-1', false, true],
    ['2.1.2', true, true],
    ['2.2.0', true, true],
    ['0.8.6', false, true],
    ['0.6.5', false, false],
    ['', false, false],
    ['-', false, false],
  ])('with version %j: compressed %s, resumable %s', (version, compressed, resume) => {
    expect(parseCapabilities(pool, `${version}\n6.12.0 x86_64\n`)).toMatchObject({ compressed, resume });
  });

  it('is nothing where nothing can be read', () => {
    const none = parseCapabilities('', '');
    expect(Object.values(none)).toEqual([false, false, false, false]);
    expect(flagsAtBirth(none)).toBe('none');
  });

  it('decides the flags of a volume, and only known flags are ever used', () => {
    expect(sendFlags(flagsAtBirth(parseCapabilities(pool, system)))).toEqual(['-L', '-c']);
    expect(sendFlags('none')).toEqual([]);
    expect(sendFlags('-R -F -c;reboot -w')).toEqual(['-w']);
    expect(sendFlags(undefined)).toEqual([]);
  });

  it('is asked once for a connection, and again after a failure', async () => {
    let up = false;
    const connection = scriptedConnection(() => (up ? {} : { code: 1, stderr: 'zpool: not found' }));
    const store = createZfsStore(connection, place);
    await expect(store.capabilities(signal)).rejects.toThrow('not found');
    up = true;
    await store.capabilities(signal);
    await store.capabilities(signal);
    expect(connection.sent).toHaveLength(2);
  });

  it('is not asked where an observation has brought it', async () => {
    const connection = scriptedConnection();
    const store = createZfsStore(connection, place);
    store.keepCapabilities(parseCapabilities(pool, system));
    expect(await store.capabilities(signal)).toMatchObject({ largeBlocks: true });
    expect(connection.sent).toEqual([]);
  });
});

describe('names', () => {
  it('of datasets are plain and below the root', () => {
    expect(checkDataset('drover/volumes/web-1', 'drover/volumes')).toBe('drover/volumes/web-1');
    const refused = ['drover/volumes', 'drover', 'drover/volumes2/x', 'drover/volumes/../x', 'drover/volumes/-r'];
    const worse = ['drover/volumes/a b', 'drover/volumes/a@b', 'drover/volumes/a%', 'drover/volumes/', '-r'];
    for (const name of [...refused, ...worse, `drover/volumes/${'x'.repeat(250)}`]) {
      expect(() => checkDataset(name, 'drover/volumes'), name).toThrow('it is not below');
    }
  });

  it('that pass mean themselves to a shell', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (name) => {
        try {
          expect(checkName(name)).toMatch(/^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
    );
  });

  it('of bases keep their mark, a bare one being a snapshot', () => {
    expect([checkBase('@a'), checkBase('#a'), checkBase('a')]).toEqual(['@a', '#a', '@a']);
    expect(() => checkBase('@a@b')).toThrow('it is not valid');
  });

  it('of roots and properties are refused where they could be something else', () => {
    expect(() => checkRoot('drover/-F')).toThrow('not valid');
    expect(() => checkProperty('-R', 'x')).toThrow('not valid');
    expect(() => checkProperty('drover:app', 'a\nb')).toThrow('not valid');
    expect(checkProperty('drover:app', "it's")).toBe("drover:app=it's");
  });
});

describe('the store', () => {
  const seen = { id: 'v', dataset, role: 'released', owner: 'n1', epoch: 3 } as const;
  const leftovers = {
    base: { name: 'drover-e1-2', guid: '12' },
    isMarked: true,
    snapshots: [{ name: 'drover-e1-1', guid: '11' }],
    bookmarks: [{ name: 'drover-base', guid: '10' }],
    released: [{ name: 'drover-e1-2', guid: '12' }],
  };
  const words = (sent: readonly Sent[]): readonly string[] => sent.flatMap((one) => one.words);

  it('never sends a command with -F, -R, -p, or one that could destroy a dataset', async () => {
    const connection = scriptedConnection();
    const store = createZfsStore(connection, place);
    await store.list(signal);
    await store.create('v', { application: 'web', limitBytes: 1 }, signal);
    await store.setLimit(dataset, undefined, signal);
    await store.setProperties(seen, { role: 'frozen' }, signal);
    await store.mount(dataset, signal);
    await store.unmount(dataset, signal);
    await store.tidy(seen, leftovers, 'drover', signal);
    await store.abortReceive(dataset, signal);
    await store.estimate(dataset, 'drover-e1-1', '@drover-e1-0', signal);
    const text = words(connection.sent).join('\n');
    expect(text).not.toMatch(/zfs (send|receive|create|destroy|unmount|mount|rollback)[^\n|]* -[A-Za-z]*[FRpfr]\b/);
    expect([...text.matchAll(/zfs destroy.{9}/g)].map((match) => match[0])).toEqual(['zfs destroy "$full" ']);
    expect(text).toContain('in @drover-*)');
  });

  it('sets all properties and readonly in one command, readonly being off for an owner only', async () => {
    const connection = scriptedConnection();
    const store = createZfsStore(connection, place);
    const owned = { role: 'owner', owner: 'n1', epoch: 4 } as const;
    const { owner: _owner, ...ownerless } = seen;
    await store.setProperties(seen, owned, signal);
    await store.setProperties(ownerless, { role: 'replica' }, signal);
    await store.setProperties(ownerless, { application: 'web' }, signal);
    const args = connection.sent.map((one) => one.words.slice(1));
    const as = (owner: string) => [
      'drover:vol=v',
      'drover:role=released',
      `drover:owner=${owner}`,
      'drover:epoch=3',
      'drover:deployment=',
      '--',
    ];
    const next = ['drover:role=owner', 'drover:owner=n1', 'drover:epoch=4', 'readonly=off'];
    expect(args).toEqual([
      ['', dataset, ...as('n1'), ...next],
      ['', dataset, ...as(''), 'drover:role=replica', 'readonly=on'],
      ['', dataset, ...as(''), 'drover:app=web'],
    ]);
  });

  it('says what it found where role, owner or epoch are not as expected', async () => {
    const stdout = 'drover:role\tfrozen\tlocal\ndrover:epoch\t7\tlocal\n';
    const store = createZfsStore(
      scriptedConnection(() => ({ code: exits.conflict, stdout })),
      place,
    );
    await expect(store.setProperties(seen, { role: 'frozen' }, signal)).rejects.toMatchObject({
      code: 'volume-conflict',
      message: expect.stringMatching(
        /expected drover:role released, drover:owner n1, drover:epoch 3, drover:deployment none, found drover:role frozen, drover:epoch 7/,
      ),
    });
  });

  it('sends what changes an owner under the lock that it has, and says where that was lost', async () => {
    const connection = scriptedConnection(() => ({ code: exits.late }));
    const store = createZfsStore(connection, place, { token: 'the-lock' });
    const lost = { code: 'connection-failed', retryable: true, message: expect.stringContaining('lock of the node') };
    await expect(store.setProperties(seen, { role: 'frozen' }, signal)).rejects.toMatchObject(lost);
    await expect(
      store.swap([{ seen, target: `${dataset}-swap`, retiredAs: 'v-before' }], signal),
    ).rejects.toMatchObject(lost);
    const changes = connection.sent.map(({ words: [text = '', token] }) => [/flock -w \d+ 8/.test(text), token]);
    expect(changes).toEqual([
      [true, 'the-lock'],
      [true, 'the-lock'],
    ]);
  });

  it('names every process that keeps a volume busy', async () => {
    const stdout = '812\tmongod\t/data/journal\n900\tsh\t/\n';
    const store = createZfsStore(
      scriptedConnection(() => ({ code: exits.busy, stdout })),
      place,
    );
    await expect(store.unmount(dataset, signal)).rejects.toMatchObject({
      code: 'volume-busy',
      message: expect.stringContaining('mongod (pid 812: /data/journal), sh (pid 900: /)'),
    });
  });

  it('tidies up what is named with its guid, and passes on what stays', async () => {
    const full = `${dataset}@drover-e1-1`;
    const connection = scriptedConnection(() => ({ stdout: `${full}\tdataset is busy\n` }));
    const store = createZfsStore(connection, place, { token: 'the-lock' });
    expect(await store.tidy(seen, leftovers, 'drover', signal)).toEqual([`"${full}" on "node1": dataset is busy`]);
    const [{ words: [, ...args] = [] } = {}] = connection.sent;
    expect(args.slice(0, 5)).toEqual(['the-lock', dataset, 'drover', 'drover-e1-2=12', 'mark']);
    const marks = ['-@drover-e1-1=11', '-#drover-base=10', '@drover-e1-2=12'];
    expect(args.slice(args.indexOf('--'))).toEqual(['--', ...marks]);
  });

  it('refuses to destroy a foreign snapshot without asking the node', async () => {
    const connection = scriptedConnection();
    const store = createZfsStore(connection, place);
    const tidy = (more: Partial<Leftovers>, at = dataset) =>
      store.tidy({ ...seen, dataset: at }, { ...leftovers, ...more }, 'drover', signal);
    await expect(tidy({ snapshots: [{ name: 'nightly', guid: '1' }] })).rejects.toThrow("not one of drover's own");
    await expect(tidy({ bookmarks: [{ name: 'drover-a', guid: '1; x' }] })).rejects.toThrow('not a number');
    await expect(tidy({ snapshots: [leftovers.base] })).rejects.toThrow('in common');
    await expect(tidy({}, 'drover/volumes')).rejects.toThrow('not below');
    expect(connection.sent).toEqual([]);
  });

  it('refuses limits that are not sizes', async () => {
    const store = createZfsStore(scriptedConnection(), place);
    for (const bad of [0, -1, 1.5, Number.NaN])
      await expect(store.setLimit(dataset, bad, signal)).rejects.toThrow('limit');
  });
});

it('reads the pool, and nothing from nothing', () => {
  const pool = { name: 'drover', health: 'ONLINE', sizeBytes: 4_026_531_840, freeBytes: 4_025_180_160 };
  expect(parsePool('drover\tONLINE\t4026531840\t4025180160\n')).toEqual(pool);
  // What ZFS keeps for itself is free in the pool, and cannot be used.
  for (const separator of ['\n', '\t']) {
    const text = `drover\tONLINE\t4026531840\t4025180160${separator}3890962432\n`;
    expect(parsePool(text)).toEqual({ ...pool, freeBytes: 3890962432 });
    expect(parsePool(text.replace('3890962432', ''))).toEqual(pool);
  }
  expect(parsePool('')).toBeUndefined();
});
