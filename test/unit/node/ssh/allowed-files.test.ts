import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { programIn } from '../../../../src/node/ssh/allowed-files.ts';
import { resolveTarget } from '../../../../src/node/ssh/config.ts';

function folders() {
  const folder = mkdtempSync(join(tmpdir(), 'drover-allowed-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'home');
  mkdirSync(join(home, '.ssh'), { recursive: true });
  mkdirSync(join(home, '.local', 'state', 'drover'), { recursive: true });
  const env = { ...process.env, HOME: home, XDG_STATE_HOME: '' };
  const resolve = (sshConfigFile: string) => resolveTarget('web', { sshConfigFile }, env, () => undefined);
  return { folder, home, env, resolve, ran: join(folder, 'RAN') };
}

describe('an ssh_config that came with a folder', () => {
  it.each([
    ['Match exec', (ran: string) => `Match exec "touch ${ran}"\n  User x\n`],
    ['ProxyCommand', (ran: string) => `Host *\n  ProxyCommand sh -c "touch ${ran}"\n`],
    ['a keyword in quotes', (ran: string) => `"ProxyCommand" touch ${ran}\n`],
    ['an equals sign', (ran: string) => `proxycommand=touch ${ran}\n`],
    ['another file', (ran: string) => `Include ${ran}.conf\n`],
    ['a library', (ran: string) => `PKCS11Provider ${ran}.so\n`],
  ])('is refused where it can start programs: %s', async (_name, text) => {
    const { folder, resolve, ran } = folders();
    const path = join(folder, 'ssh_config');
    writeFileSync(path, text(ran));
    await expect(resolve(path)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('start programs'),
    });
    expect(existsSync(ran)).toBe(false);
  });

  it.each<readonly [string, (path: string) => void]>([
    ['a pipe, which says one thing to drover and another one to ssh', (path) => void execFileSync('mkfifo', [path])],
    ['a device', (path) => symlinkSync('/dev/zero', path)],
    ['a file of the kernel', (path) => symlinkSync('/proc/kmsg', path)],
    ['a file without an end', (path) => void execFileSync('truncate', ['-s', '4G', path])],
  ])('is refused, without waiting, where it is %s', async (_what, make) => {
    const { folder, resolve } = folders();
    const path = join(folder, 'ssh_config');
    make(path);
    await expect(resolve(path)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('cannot use'),
    });
  });

  it('is used where it only names things', async () => {
    const { folder, resolve } = folders();
    const path = join(folder, 'ssh_config');
    writeFileSync(
      path,
      '# ours\nHost web\n  HostName 10.0.0.5\n  Port 2222\n  User admin\nMatch host web user admin\n  Compression yes\n',
    );
    expect(await resolve(path)).toMatchObject({ host: '10.0.0.5', port: 2222, user: 'admin' });
  });

  it('is used once it was allowed with the command of the hint, and not when it changes after that', async () => {
    const { folder, resolve, env } = folders();
    const path = join(folder, 'ssh_config');
    writeFileSync(path, 'Host web\n  ProxyCommand nc %h %p\n');
    const refused: unknown = await resolve(path).catch((error: unknown) => error);
    const hint = String((refused as { hint?: string }).hint);
    execFileSync('sh', ['-c', hint.slice(hint.indexOf('echo '))], { env });
    expect(await resolve(path)).toMatchObject({ proxyCommand: 'nc web 22' });
    writeFileSync(path, 'Host web\n  ProxyCommand nc %h %p; touch x\n');
    await expect(resolve(path)).rejects.toThrow('you have not allowed it');
  });

  it('is not asked about in the user’s own folder, and not let in there by a link', async () => {
    const { folder, home, resolve } = folders();
    const own = join(home, '.ssh', 'config');
    writeFileSync(own, 'ProxyCommand nc %h %p\n');
    expect(await resolve(own)).toMatchObject({ proxyCommand: 'nc web 22' });
    const evil = join(folder, 'evil');
    writeFileSync(evil, 'ProxyCommand evil\n');
    symlinkSync(evil, join(home, '.ssh', 'link'));
    await expect(resolve(join(home, '.ssh', 'link'))).rejects.toThrow('you have not allowed it');
  });

  it.each(['Match all', 'Match host a,b user c', 'IdentityFile ~/.ssh/x', ''])('knows %j as harmless', (text) =>
    expect(programIn(text)).toBeUndefined(),
  );
  it.each([
    'Match host a exec x',
    'Match "exec" x',
    'LocalCommand x',
    'KnownHostsCommand x',
    'Frobnicate x',
    'SecurityKeyProvider x',
  ])('and %j as not', (text) => expect(programIn(text)).toBeDefined());
});
