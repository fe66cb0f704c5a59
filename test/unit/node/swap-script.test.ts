import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { swapScript } from '../../../src/node/zfs/copy-scripts.ts';
import { exits } from '../../../src/node/zfs/scripts.ts';

/** Two frozen volumes of node n1, `tank/v/one` with epoch 3 and `tank/v/two` with epoch 5; says what it was to change. */
const standIn = `zfs() {
  local last=\${!#}
  case $*:$last in
    *drover:node*) echo n1 ;;
    get*-swap) ;;
    get*:tank/v/one | get*:tank/v/two)
      local epoch=3 id=v1
      [ "$last" = tank/v/one ] && printf '%s\\t%s\\t%s\\n' drover:deployment shop local || { epoch=5; id=v2; }
      printf '%s\\t%s\\t%s\\n' refquota 64 local drover:vol "$id" local drover:role frozen local drover:owner n1 local
      [ "$last" = tank/v/two ] || printf '%s\\t%s\\t%s\\n' drover:name data local
      printf '%s\\t%s\\t%s\\n' drover:epoch "$epoch" local drover:app 'a b' local drover:flags - -
      printf '%s\\t%s\\t%s\\n' recordsize 8192 local atime off inherited
      ;;
    *) printf '%s|' "$@" >>"$changes"; echo >>"$changes" ;;
  esac
}
`;

describe('the script that swaps volumes', () => {
  let folder = '';
  let changes = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-swap-'));
    changes = join(folder, 'changes');
    mkdirSync(join(folder, 'set'), { recursive: true });
    writeFileSync(join(folder, 'set', 'lock'), '{"owner":"anna","since":"now","token":"mine"}');
  });
  beforeEach(() => writeFileSync(changes, ''));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const swap = (token: string, ...places: readonly string[][]) => {
    const here = swapScript.replaceAll('/run/drover', `${folder}/set`);
    const args = [token, 'tank/v', ...places.flat()];
    const { status, stdout, stderr } = spawnSync('bash', ['-s', '--', ...args], {
      input: `changes=${changes}\n${standIn}${here}`,
      encoding: 'utf8',
    });
    return { status, stdout, stderr, changed: readFileSync(changes, 'utf8').split('\n').slice(0, -1) };
  };
  const one = () => ['tank/v/one', 'tank/v/one-swap', 'v1-before', 'v1', '3', 'shop'];
  const two = (epoch = '5', id = 'v2', deployment = '') => [
    ...['tank/v/two', 'tank/v/two-swap', 'v2-before', id, epoch, deployment],
  ];

  it('gives all of them to one channel program, each with the epoch that was seen and the next one', () => {
    expect(swap('mine', one(), two())).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
      changed: [
        'set|readonly=off|refquota=64|recordsize=8192|tank/v/one-swap|',
        'set|readonly=off|refquota=64|recordsize=8192|tank/v/two-swap|',
        `program|--|tank|-|n1|${[
          'tank/v/one|tank/v/one-swap|v1-before|v1|3|4|data|a b||shop|',
          'tank/v/two|tank/v/two-swap|v2-before|v2|5|6||a b|||',
        ].join('')}`,
      ],
    });
  });

  it.each([
    ['another epoch', two('4'), 'it is not volume "v2" with epoch 4, which was seen'],
    ['another volume', two('5', 'v3'), 'it is not volume "v3" with epoch 5, which was seen'],
    ['another deployment', two('5', 'v2', 'blog'), 'it is of the deployment "", not "blog", which was seen'],
  ])('changes nothing where one has %s than was seen, and names it', (_, other, why) => {
    const { status, stdout, changed } = swap('mine', one(), other);
    expect([status, changed, stdout.split('\n').slice(0, 2)]).toEqual([exits.conflict, [], ['tank/v/two', why]]);
  });

  it('changes nothing once its lock is lost', () => {
    expect(swap('of an earlier run', one(), two())).toMatchObject({ status: exits.late, changed: [] });
  });
});
