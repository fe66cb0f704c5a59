import { describe, expect, it } from 'vitest';
import { diskLines, parseSetupLine, setupRows, verdictOf } from '../../../src/view/provisioning-lines.ts';

describe('the lines of provision.sh', () => {
  it.each([
    ['begin\tpackages\tdocker.io', { type: 'begin', name: 'packages', detail: 'docker.io' }],
    ['begin\tzfs module\t', { type: 'begin', name: 'zfs module' }],
    [
      'progress\tpackages\t37\tUnpacking a: b',
      { type: 'progress', name: 'packages', percent: 37, text: 'Unpacking a: b' },
    ],
    ['progress\tpackages\t\t', { type: 'progress', name: 'packages', percent: 0, text: '' }],
    ['would do\tpool drover\t/dev/sdb', { type: 'step', name: 'pool drover', state: 'would do', detail: '/dev/sdb' }],
    ['did\tnode id\t', { type: 'step', name: 'node id', state: 'did' }],
    ['cannot\troot\tuse sudo', { type: 'step', name: 'root', state: 'cannot', detail: 'use sudo' }],
  ])('%j', (text, event) => expect(parseSetupLine(text)).toEqual(event));

  it('takes nothing else for a step', () => {
    for (const text of ['', 'done', 'done      system', 'Welcome\tto this host', '\t\t']) {
      expect(parseSetupLine(text)).toBeUndefined();
    }
  });

  it('lets no node move the cursor', () => {
    const event = parseSetupLine('cannot\tpool\t\u001b[2Jgone\u0007');
    expect(event).toMatchObject({ detail: 'gone' });
  });

  it('stands as its worst step', () => {
    const step = (state: 'done' | 'would do' | 'cannot') => ({ name: state, state });
    expect(verdictOf([step('done')])).toBe('done');
    expect(verdictOf([step('done'), step('would do')])).toBe('would do');
    expect(verdictOf([step('would do'), step('cannot'), step('done')])).toBe('cannot');
  });

  it('says the state in words as well', () => {
    const rows = setupRows([
      { name: 'system', state: 'done' },
      { name: 'pool drover', state: 'cannot', detail: 'no disk' },
    ]);
    expect(rows.map((row) => row.map(({ text }) => text).join(' '))).toEqual([
      '  ✔ done   system',
      '  ✘ cannot pool drover no disk',
    ]);
  });

  it('names the command for each empty disk, and a file where there is none', () => {
    const texts = (...disks: Parameters<typeof diskLines>[1]) =>
      diskLines(['drover', 'node', 'add', 'web3'], disks).map(({ text }) => text.trim());
    expect(texts({ path: '/dev/sdb', sizeBytes: 2 ** 40, model: 'ACME 1' })).toEqual([
      'one disk of it is empty:',
      '/dev/sdb  1.00 TiB  ACME 1',
      'drover node add web3 --pool /dev/sdb',
      'or a file of fixed size: drover node add web3 --pool /var/lib/drover-pool.img:20G',
    ]);
    expect(texts()[1]).toBe('drover node add web3 --pool /var/lib/drover-pool.img:20G');
  });
});
