import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTarget, parseHop, parseSshOptions, resolveTarget } from '../../../../src/node/ssh/config.ts';

const env = { HOME: '/home/anna', USER: 'anna', SSH_AUTH_SOCK: '/run/agent', PATH: process.env.PATH };
const target = (text: string, settings = {}) => makeTarget('node1', settings, parseSshOptions(text), env);

describe('options of ssh -G', () => {
  test('host, port, user and files are taken over, with the home directory expanded', () => {
    const made = target(
      [
        'hostname 10.0.0.1',
        'port 2222',
        'user root',
        'identityfile ~/.ssh/a',
        'identityfile %d/.ssh/b-%h',
        'identitiesonly yes',
        'userknownhostsfile ~/.ssh/kh /etc/kh',
        'globalknownhostsfile none',
      ].join('\n'),
    );
    expect(made).toMatchObject({
      alias: 'node1',
      host: '10.0.0.1',
      port: 2222,
      user: 'root',
      identityFiles: ['/home/anna/.ssh/a', '/home/anna/.ssh/b-10.0.0.1'],
      identitiesOnly: true,
      knownHostsFiles: ['/home/anna/.ssh/kh', '/etc/kh'],
      agent: '/run/agent',
      jump: [],
    });
  });

  test("the node's settings win", () => {
    const settings = { port: 22, user: 'drover', identityFile: '~/k', knownHostsFile: '~/kh', jump: 'b@bastion:23' };
    const made = target('port 2222\nuser root\nidentityfile ~/.ssh/a\nproxycommand nc %h %p', settings);
    expect(made).toMatchObject({ port: 22, user: 'drover', ownIdentity: true, jump: ['b@bastion:23'] });
    expect(made.identityFiles).toEqual(['/home/anna/k', '/home/anna/.ssh/a']);
    expect(made.knownHostsFiles[0]).toBe('/home/anna/kh');
    expect(made.knownHostsFiles).not.toContain('/home/anna/.ssh/known_hosts');
    expect(made.proxyCommand).toBeUndefined();
  });

  test('without any options there are the defaults of ssh', () => {
    expect(target('')).toMatchObject({ host: 'node1', port: 22, user: 'anna', identitiesOnly: false });
    expect(target('').knownHostsFiles).toContain('/home/anna/.ssh/known_hosts');
    expect(target('').identityFiles).toContain('/home/anna/.ssh/id_ed25519');
  });

  test('a proxy command gets its tokens', () => {
    expect(target('hostname 10.0.0.1\nproxycommand nc -X 100%% %h %p %r').proxyCommand).toBe(
      'nc -X 100% 10.0.0.1 22 anna',
    );
  });

  test.each([
    ['identityagent none', undefined],
    ['identityagent SSH_AUTH_SOCK', '/run/agent'],
    ['identityagent ~/agent', '/home/anna/agent'],
    ['', '/run/agent'],
  ])('%j gives the agent %s', (text, agent) => {
    expect(target(text).agent).toBe(agent);
  });
});

describe('a jump host', () => {
  test.each([
    ['bastion', { host: 'bastion' }],
    ['anna@bastion:2222', { host: 'bastion', user: 'anna', port: 2222 }],
    ['ssh://anna@bastion:22/', { host: 'bastion', user: 'anna', port: 22 }],
    ['[fe80::1]:2222', { host: 'fe80::1', port: 2222 }],
    ['fe80::1', { host: 'fe80::1' }],
  ])('%s is parsed', (text, expected) => {
    expect(parseHop(text)).toEqual(expected);
  });

  test('nonsense is refused', () => {
    expect(() => parseHop('bastion:port')).toThrow('not [user@]host[:port]');
  });
});

describe.skipIf(!existsSync('/usr/bin/ssh'))('the ssh program', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'drover-sshconfig-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('is run with the configuration file of the node', async () => {
    const file = join(dir, 'config');
    writeFileSync(
      file,
      'Host db\n  HostName 10.9.8.7\n  Port 2022\n  User op\n  ProxyJump j1,op@j2:23\n  HostKeyAlias dbkey\n',
    );
    const made = await resolveTarget('db', { sshConfigFile: file }, env, () => undefined);
    expect(made).toMatchObject({
      host: '10.9.8.7',
      port: 2022,
      user: 'op',
      jump: ['j1', 'op@j2:23'],
      hostKeyAlias: 'dbkey',
    });
  });

  test('reports what is wrong with a configuration file', async () => {
    const file = join(dir, 'bad');
    writeFileSync(file, 'Host db\n  Nonsense yes\n');
    await expect(resolveTarget('db', { sshConfigFile: file }, env, () => undefined)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('bad'),
    });
  });

  test.each([
    ['itself', (file: string) => `Include ${file}\n`],
    ['itself twice, at each depth', (file: string) => `Include ${file}\nInclude ${file}\n`],
    ['a folder full of itself', (file: string) => `Include ${file}*\n`],
  ])('ends with an error where a file of the user includes %s', async (_what, content) => {
    mkdirSync(join(dir, '.ssh'), { recursive: true });
    const file = join(dir, '.ssh', 'loop');
    writeFileSync(file, content(file));
    const resolve = resolveTarget('db', { sshConfigFile: file }, { ...env, HOME: dir }, () => undefined);
    await expect(resolve).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/cannot read the ssh configuration for "db": .*recursive/),
    });
  });

  test('is not waited for where a file of the user includes a named pipe that nothing writes to', async () => {
    mkdirSync(join(dir, '.ssh'), { recursive: true });
    execFileSync('mkfifo', ['-m', '600', join(dir, '.ssh', 'pipe')]);
    const file = join(dir, '.ssh', 'piped');
    writeFileSync(file, `Include ${join(dir, '.ssh', 'pipe')}\n`);
    const resolve = resolveTarget('db', { sshConfigFile: file }, { ...env, HOME: dir }, () => undefined);
    await expect(resolve).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('cannot read the ssh configuration for "db"'),
    });
  });

  test('may be missing: the settings are enough, and there is a note', async () => {
    const notes: string[] = [];
    const made = await resolveTarget('db', { user: 'root' }, { ...env, PATH: dir }, (note) => notes.push(note));
    expect(made).toMatchObject({ host: 'db', user: 'root', port: 22 });
    expect(notes.join()).toContain('no "ssh" program');
  });
});
