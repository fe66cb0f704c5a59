/**
 * The lab without root, as a user who has none: made here, removed at the end. In a network namespace of the test's own,
 * so that nothing leaves it. The image and its key are this machine's (DROVER_NIGHTLY_BUILD=1 has the user build them).
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAccel } from '../../lab/accel.ts';
import { baseHash, cacheRoot, imageKindOf } from '../../lab/paths.mjs';
import { cachedKernel } from '../../lab/um/kernel.ts';
import { labSupport } from './lab-support.ts';
import { type LabTool, labProgram, labTool, pingLoss, project, run, say, tracesOf, typeOnConsole } from './lab-tool.ts';

const USER = 'drover-nightly';
const NETNS = 'drover-nightly-user';
const builds = process.env.DROVER_NIGHTLY_BUILD === '1';
/** As the user is to have it: by name, else User-Mode Linux where its kernel is here to be lent, else emulated. */
const asked = process.env.DROVER_LAB_ACCEL;
const accel =
  asked === undefined ? ((await cachedKernel()) === undefined ? 'tcg' : 'um') : readAccel(asked, 'DROVER_LAB_ACCEL');
const here = ['127.16.255.250', '127.16.255.251'] as const;
const tutorial = 'tutorials/mongodb/3-data-moves';

async function must(...words: string[]): Promise<string> {
  const ran = await run(words);
  if (ran.code !== 0) throw new Error(`${words.join(' ')}: exit ${ran.code}: ${ran.out}`);
  return ran.out;
}

describe.skipIf(!labSupport.ok)('the lab without root', () => {
  let home = '';
  let work = '';
  let env: NodeJS.ProcessEnv = {};
  let as: readonly string[] = [];
  let lab: LabTool;
  let before: readonly string[] = [];
  const traces = (): Promise<readonly string[]> => tracesOf(USER, [join(home, '.local/state/drover/lab')]);
  const drover = (...args: string[]) => run([...as, process.execPath, join(project, 'dist/drover.js'), ...args], env);
  const records = (...args: string[]) =>
    run([...as, process.execPath, join(project, 'tutorials/mongodb/records.mjs'), ...args], env);

  /** The image, and the kernel, as the user's cache has them. The disk is only read and stays whose it is; the rest is copied. */
  async function lendImage(): Promise<void> {
    const hash = baseHash(imageKindOf(accel));
    const to = join(home, '.cache/drover/lab', hash);
    const script = `set -e
from=$1 to=$2 images=$3
mkdir -p "$to" "$to/../images"
cp -L "$from"/id_ed25519 "$from"/id_ed25519.pub "$from/done" "$to"
[ ! -f "$from/vmlinuz" ] || cp -L "$from/vmlinuz" "$from/initrd.img" "$to"
[ ! -d "$from/../um" ] || cp -r "$from/../um" "$to/.."
cp "$images"/*.tar "$to/../images/"
for index in "$images"/index-*.json; do
  sed "s#$images/#$to/../images/#g" "$index" >"$to/../images/\${index##*/}"
done
chown -R "$4:" "$to/../../.."
cp -Ll "$from/base.raw" "$to/" 2>/dev/null || cp -L --sparse=always "$from/base.raw" "$to/"`;
    await must('sh', '-c', script, 'sh', join(cacheRoot(), hash), to, join(cacheRoot(), 'images'), USER);
  }

  beforeAll(async () => {
    await run(['userdel', '-r', USER]);
    await run(['ip', 'netns', 'delete', NETNS]);
    await must('useradd', '--create-home', '--shell', '/bin/sh', USER);
    home = (await must('getent', 'passwd', USER)).split(':')[5] ?? '';
    if (!(await readFile('/etc/subuid', 'utf8')).includes(`${USER}:`)) {
      await must('usermod', '--add-subuids', '300000-365535', '--add-subgids', '300000-365535', USER);
    }
    await must('ip', 'netns', 'add', NETNS);
    await must('ip', '-n', NETNS, 'link', 'set', 'lo', 'up');
    // Building needs the packages' mirror, and so this machine's network.
    const net = builds ? [] : ['nsenter', `--net=/run/netns/${NETNS}`];
    as = [...net, 'setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--init-groups'];
    env = { PATH: process.env.PATH, HOME: home, USER, LANG: 'C.UTF-8', ...(builds ? {} : { DROVER_LAB_ACCEL: accel }) };
    if (!builds) await lendImage();
    await must('install', '-d', '-o', USER, '-g', USER, join(home, '.local'), join(home, '.local/state/drover/lab'));
    await must('chown', '-R', `${USER}:`, join(home, '.local'));
    work = await mkdtemp(join(tmpdir(), 'drover-nightly-'));
    await must('cp', '-r', `${join(project, tutorial)}/.`, work);
    await must('chown', '-R', `${USER}:`, work);
    lab = labTool(as, env);
    before = await traces();
    say(await lab.do('up', '--publish', '27017'));
  });

  afterAll(async () => {
    await lab?.try('destroy');
    await run(['userdel', '-r', USER]);
    await run(['ip', 'netns', 'delete', NETNS]);
    if (work) await rm(work, { recursive: true, force: true });
  });

  it('is whole, and nothing of it has privileges', async () => {
    const { code, nodes } = await lab.status();
    expect(code).toBe(0);
    expect(nodes.map(({ reach, ssh }) => [reach, ssh])).toEqual(here.map((each) => [each, true]));
    const users = (await must('ps', '-eo', 'user:32=,args='))
      .split('\n')
      .filter((line) => line.includes('drover-default-'));
    for (const part of ['node1', 'node2', 'gateway', 'switch'])
      expect(users.some((line) => line.includes(`drover-default-${part}`))).toBe(true);
    for (const line of users) expect(line).toMatch(new RegExp(`^${USER} `));
    expect(await run(['ip', '-n', NETNS, '-o', 'link'])).toMatchObject({ out: expect.not.stringContaining('drover0') });
  });

  it('joins the nodes', async () => {
    expect(await lab.on('node1', 'ping -q -c 3 -W 5 172.16.255.251')).toContain(' 0% packet loss');
  });

  it('runs the tutorial: records go in through one node, the database moves, and they are read through both', async () => {
    const applied = await drover('apply', '-C', work);
    expect(applied.out).toContain('converged');
    expect(await records('node1', 'insert', '{"the data": "it moves"}')).toMatchObject({ code: 0 });
    for (const place of ['node1', 'node2', ...here]) {
      const found = await records(place, 'find');
      expect(found.out).toContain('{"the data":"it moves"}');
    }
    const moved = await drover('move', 'mongodb-volume-example', 'node2', '-C', work);
    say(moved.out.slice(moved.out.indexOf('  "mongodb-volume-example" moved')));
    expect(moved.out).toContain('"mongodb-volume-example" moved from node1 to node2');
    for (const place of ['node1', 'node2', ...here]) {
      const found = await records(place, 'find');
      expect(found.out).toContain('1 record(s) seen');
    }
    expect(await lab.on('node2', "docker ps --format '{{.Names}}'")).toBe('drover-mongodb-volume-example');
  });

  it('publishes another port while it runs', async () => {
    // Another program on the node, so that it is not the database that answers.
    const serve = `my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 5, ReuseAddr => 1) or die $!;
      while (my $c = $s->accept) { print $c "hello\\n"; close $c }`;
    const isListening = 'until ss -Hltn sport = :80 | grep -q .; do sleep 0.2; done';
    await lab.on(
      'node2',
      `nohup perl -MIO::Socket::INET -e '${serve}' >/dev/null 2>&1 </dev/null & timeout 30 sh -c '${isListening}'`,
    );
    expect(await lab.do('publish', '8080:80')).toContain('127.16.255.251:8080');
    const said = await run([...as, 'bash', '-c', `exec 3<>/dev/tcp/${here[1]}/8080; cat <&3`], env);
    expect(said.out).toBe('hello\n');
    expect((await lab.try('publish', '80')).out).toMatch(/Only root may open port 80 here; .*8080:80/);
  });

  it('has cable, slow and lossy faults in its switch', async () => {
    const pings = (count: number): Promise<number> => pingLoss(lab, 'node1', '172.16.255.251', count);
    await lab.do('break', 'node2', 'loss', '--loss', '30');
    const lost = await pings(150);
    say(`30 % each way: ${lost} % of the pings unanswered (51 % expected)`);
    expect(lost).toBeGreaterThan(33);
    expect(lost).toBeLessThan(69);
    await lab.do('break', 'node2', 'all', '--undo');
    expect(await pings(50)).toBeLessThan(5);

    const megabyte = async (): Promise<number> => (await lab.try('ssh', 'node1', 'head -c 1000000 /dev/urandom')).ms;
    const fast = await megabyte();
    await lab.do('break', 'node1', 'slow');
    const slow = await megabyte();
    say(`1 MB from node1: ${fast} ms, slowed ${slow} ms`);
    expect(slow).toBeGreaterThan(4000);

    await lab.do('break', 'node1', 'cable');
    expect((await lab.status()).nodes.map(({ ssh }) => ssh)).toEqual([false, true]);
    const console = await typeOnConsole([...as, process.execPath, labProgram, 'console', 'node1'], env, {
      command: 'echo I am $(hostname) as $(id -un)',
      until: /I am node1 as root/,
    });
    expect(console.code).toBe(0);
    await lab.do('fix');
    expect((await lab.status()).code).toBe(0);
  });

  it('sleeps, wakes and goes back', async () => {
    await lab.do('down');
    expect((await traces()).filter((line) => line.startsWith('process') && /-name |umid=/.test(line))).toEqual([]);
    await lab.do('up');
    // Where they do not sleep they boot, and start it by themselves.
    const running = () => lab.on('node2', "docker ps --format '{{.Names}}'");
    await expect.poll(running, { timeout: 600_000, interval: 2000 }).toBe('drover-mongodb-volume-example');
    expect((await records('node1', 'find')).out).toContain('1 record(s) seen');
    await lab.do('reset');
    expect(await lab.on('node2', 'docker ps -q')).toBe('');
  });

  it('leaves nothing behind', async () => {
    const out = await lab.do('destroy');
    expect(out).toMatch(/removed: gateway \(process \d+\)\nremoved: switch \(process \d+\)/);
    expect(await traces()).toEqual(before);
    expect(existsSync(join(home, '.local/state/drover/lab/default'))).toBe(false);
  });
});
