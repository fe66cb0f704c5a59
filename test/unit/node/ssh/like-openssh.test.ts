import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { NodeSettings } from '../../../../src/model/config.ts';
import { connect } from '../../../../src/node/ssh/connection.ts';
import { fingerprint } from '../../../../src/node/ssh/known-hosts.ts';
import { acceptHostKey } from '../../../../src/node/ssh/trust.ts';
import { noSshd, type PrivateSshd, startSshd } from '../../../support/private-sshd.ts';

if (noSshd !== undefined) console.log(`skipped: SSH as OpenSSH does it: ${noSshd}`);
const never = new AbortController().signal;

/** Each case is an ssh configuration, a node and a real sshd; OpenSSH's own ssh is asked the same where it can tell. */
describe.skipIf(noSshd !== undefined)('an ssh configuration is followed as ssh follows it', () => {
  let sshd: PrivateSshd;
  const agents: number[] = [];
  const file = (name: string): string => join(sshd.dir, name);
  const keygen = (...args: readonly string[]): void => void execFileSync('ssh-keygen', ['-q', ...args]);
  const makeKey = (name: string, type = 'ed25519'): string => {
    rmSync(file(name), { force: true });
    keygen('-t', type, '-N', '', '-C', name, '-f', file(name));
    return file(name);
  };
  const publicKey = (name: string): string => readFileSync(file(`${name}.pub`), 'utf8').trim();
  const write = (name: string, content: string): string => {
    writeFileSync(file(name), content);
    return file(name);
  };
  /** The host is `n1`; what no line says is as the private sshd needs it. */
  const config = (...lines: readonly string[]): void => {
    const basics = [`HostName 127.0.0.1`, `Port ${sshd.port}`, 'User root'];
    const files = [
      `UserKnownHostsFile ${file('known_hosts')}`,
      'GlobalKnownHostsFile none',
      `IdentityFile ${file('user')}`,
    ];
    write('home/.ssh/ssh_config', `Host n1\n${[...lines, ...basics, ...files].map((line) => `  ${line}\n`).join('')}`);
  };
  let notes: string[] = [];
  const reach = async (settings: NodeSettings = {}, env: Record<string, string> = {}): Promise<string> => {
    notes = [];
    const connection = await connect(
      'n1',
      { sshConfigFile: file('home/.ssh/ssh_config'), ...settings },
      { env: { ...sshd.env, ...env }, onNote: (text) => notes.push(text) },
      never,
    );
    const { stdout } = await connection.run(['echo', 'in']);
    await connection.close();
    return stdout.trim();
  };
  const ssh = (env: Record<string, string> = {}): string =>
    execFileSync('ssh', ['-F', file('home/.ssh/ssh_config'), '-o', 'BatchMode=yes', 'n1', 'echo in'], {
      env: { ...sshd.env, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  const agentWith = (...keys: readonly string[]): Record<string, string> => {
    const text = execFileSync('ssh-agent', ['-s'], { encoding: 'utf8' });
    const env = { SSH_AUTH_SOCK: /SSH_AUTH_SOCK=([^;]+)/.exec(text)?.[1] ?? '' };
    agents.push(Number(/SSH_AGENT_PID=(\d+)/.exec(text)?.[1]));
    for (const key of keys) execFileSync('ssh-add', ['-q', key], { env: { ...sshd.env, ...env } });
    return env;
  };

  beforeAll(async () => {
    sshd = await startSshd(['MaxAuthTries 3', `TrustedUserCAKeys /dev/null`]);
    makeKey('authority');
    makeKey('ecdsa-authority', 'ecdsa');
  });
  afterEach(() => {
    for (const pid of agents.splice(0)) process.kill(pid);
    writeFileSync(file('known_hosts'), `[127.0.0.1]:${sshd.port} ${sshd.hostKeys.ed25519}\n`);
    for (const name of ['user-cert.pub', 'user.pub.away']) rmSync(file(name), { force: true });
  });
  afterAll(() => sshd?.close());
  /** The same sshd with more lines, until `back` is called. */
  const withSshd = async (...lines: readonly string[]): Promise<() => Promise<void>> => {
    const before = readFileSync(file('sshd_config'), 'utf8');
    const restart = async (text: string): Promise<void> => {
      sshd.kill();
      write('sshd_config', text);
      await sshd.start();
    };
    await restart(`${lines.join('\n')}\n${before}`);
    return () => restart(before);
  };

  describe('keys to log in with', () => {
    test('the key that IdentityFile names is offered before the others of the agent', async () => {
      const others = Array.from({ length: 8 }, (_, at) => makeKey(`other${at}`));
      const env = agentWith(...others, file('user'));
      config();
      expect(ssh(env)).toBe('in');
      expect(await reach({}, env)).toBe('in');
    });

    test('too many keys are reported as such, with the remedy', async () => {
      const env = agentWith(...Array.from({ length: 4 }, (_, at) => makeKey(`more${at}`)));
      config(`IdentityFile ${file('none')}`, 'IdentitiesOnly no');
      rmSync(file('nobody'), { force: true });
      writeFileSync(
        file('home/.ssh/ssh_config'),
        readFileSync(file('home/.ssh/ssh_config'), 'utf8').replace(`  IdentityFile ${file('user')}\n`, ''),
      );
      await expect(reach({}, env)).rejects.toMatchObject({ hint: expect.stringContaining('IdentitiesOnly yes') });
    });

    test('a private key that others can read is refused, with the command that fixes it', async () => {
      copyFileSync(file('user'), file('open'));
      chmodSync(file('open'), 0o644);
      config();
      await expect(reach({ identityFile: file('open') })).rejects.toMatchObject({
        message: expect.stringContaining('can be read by other users'),
        hint: `run "chmod 600 ${file('open')}"`,
      });
      writeFileSync(
        file('home/.ssh/ssh_config'),
        readFileSync(file('home/.ssh/ssh_config'), 'utf8').replace(file('user'), file('open')),
      );
      expect(() => ssh()).toThrow();
      await expect(reach()).rejects.toMatchObject({ code: 'connection-failed' });
      expect(notes.join()).toContain(`run "chmod 600 ${file('open')}"`);
    });

    test('a required second factor is named, and the key is not blamed', async () => {
      const back = await withSshd(
        'AuthenticationMethods publickey,keyboard-interactive',
        'KbdInteractiveAuthentication yes',
        'UsePAM yes',
      );
      try {
        config();
        await expect(reach()).rejects.toMatchObject({
          message: expect.stringMatching(/its key is accepted, but the server also requires keyboard-interactive/),
        });
      } finally {
        await back();
      }
    });

    test.each([
      ['ed25519', 'authority'],
      ['rsa', 'authority'],
      ['ecdsa', 'ecdsa-authority'],
    ])('a certificate for a key of type %s logs in where the key alone does not', async (type, authority) => {
      const back = await withSshd(`TrustedUserCAKeys ${file(`${authority}.pub`)}`);
      try {
        const name = makeKey(`certified-${type}`, type);
        config(`IdentityFile ${name}`);
        writeFileSync(
          file('home/.ssh/ssh_config'),
          readFileSync(file('home/.ssh/ssh_config'), 'utf8').replace(`  IdentityFile ${file('user')}\n`, ''),
        );
        await expect(reach()).rejects.toMatchObject({ message: expect.stringContaining('no key is accepted') });
        keygen('-s', file(authority), '-I', 'someone', '-n', 'root', `${name}.pub`);
        expect(ssh()).toBe('in');
        expect(await reach()).toBe('in');
        // The same with the private key in the agent alone, and the certificate under another name.
        const env = agentWith(name);
        copyFileSync(`${name}-cert.pub`, file('elsewhere.pub'));
        for (const gone of [name, `${name}.pub`, `${name}-cert.pub`]) rmSync(gone);
        config(`CertificateFile ${file('elsewhere.pub')}`, `IdentityFile ${file('nothing')}`);
        expect(await reach({}, env)).toBe('in');
      } finally {
        await back();
      }
    });

    test('PubkeyAuthentication no, and PreferredAuthentications without publickey, are refused by name', async () => {
      config('PubkeyAuthentication no');
      await expect(reach()).rejects.toMatchObject({
        message: expect.stringMatching(/PubkeyAuthentication (no|false)/),
      });
      config('PreferredAuthentications password');
      await expect(reach()).rejects.toMatchObject({
        details: { option: 'PreferredAuthentications', value: 'password' },
      });
    });
  });

  describe('files and their names', () => {
    test('blanks in quoted paths, and tokens, are understood in all of them', async () => {
      mkdirSync(file('my keys 127.0.0.1'), { recursive: true });
      const inside = (name: string): string => join(file('my keys 127.0.0.1'), name);
      for (const [from, to] of [
        ['user', 'a key'],
        ['user.pub', 'a key.pub'],
        ['known_hosts', 'known hosts'],
      ] as const) {
        copyFileSync(file(from), inside(to));
      }
      chmodSync(inside('a key'), 0o600);
      writeFileSync(inside('revoked keys'), '');
      const from = file('my keys %h');
      config(
        `IdentityFile "${from}/a key"`,
        'IdentitiesOnly yes',
        `UserKnownHostsFile "${from}/known hosts" /dev/null`,
        `RevokedHostKeys "${from.replace('%h', '127.0.0.1')}/revoked keys"`,
      );
      expect(ssh()).toBe('in');
      expect(await reach()).toBe('in');
      rmSync(inside('known hosts'));
      const print = fingerprint(Buffer.from(sshd.hostKeys.ed25519.split(' ')[1] ?? '', 'base64'));
      const accepted = await acceptHostKey(
        'n1',
        { sshConfigFile: file('home/.ssh/ssh_config') },
        print,
        { env: sshd.env },
        never,
      );
      expect(accepted.file).toBe(inside('known hosts'));
      expect(existsSync(file('my'))).toBe(false);
    });

    test('a new key is written hashed where HashKnownHosts asks for it, and is found again', async () => {
      config('HashKnownHosts yes');
      writeFileSync(file('known_hosts'), '');
      const print = fingerprint(Buffer.from(sshd.hostKeys.ed25519.split(' ')[1] ?? '', 'base64'));
      await acceptHostKey('n1', { sshConfigFile: file('home/.ssh/ssh_config') }, print, { env: sshd.env }, never);
      expect(readFileSync(file('known_hosts'), 'utf8')).toMatch(/^\|1\|[^|]+\|[^ ]+ ssh-ed25519 \S+\n$/);
      expect(ssh()).toBe('in');
      expect(await reach()).toBe('in');
    });

    test('a key is not written to /dev/null', async () => {
      config('UserKnownHostsFile /dev/null');
      const print = fingerprint(Buffer.from(sshd.hostKeys.ed25519.split(' ')[1] ?? '', 'base64'));
      await expect(
        acceptHostKey('n1', { sshConfigFile: file('home/.ssh/ssh_config') }, print, { env: sshd.env }, never),
      ).rejects.toMatchObject({ message: expect.stringContaining('"/dev/null" is not a regular file') });
    });

    test('several error lines of ssh about a configuration stay separate', async () => {
      write('home/.ssh/ssh_config', 'Host n1\n  BadOption yes\n');
      await expect(reach()).rejects.toMatchObject({
        message: expect.stringMatching(/badoption; \S*ssh_config: terminating/i),
      });
    });
  });

  describe('the key of the host', () => {
    const authorised = (authority = 'authority', hosts = `[127.0.0.1]:${sshd.port}`): void =>
      writeFileSync(file('known_hosts'), `@cert-authority ${hosts} ${publicKey(authority)}\n`);
    const certify = (...args: readonly string[]): Promise<() => Promise<void>> => {
      keygen('-s', file('authority'), '-I', 'host', '-h', ...args, file('host-ed25519.pub'));
      return withSshd(`HostCertificate ${file('host-ed25519-cert.pub')}`);
    };

    test('a certificate of an authority that known_hosts names proves it', async () => {
      const back = await certify('-n', '127.0.0.1');
      try {
        config();
        authorised();
        expect(ssh()).toBe('in');
        expect(await reach()).toBe('in');
        authorised('ecdsa-authority');
        expect(() => ssh()).toThrow();
        await expect(reach()).rejects.toMatchObject({
          code: 'host-key-unknown',
          message: expect.stringMatching(/the authority in \S+known_hosts:1 does not certify it: .*another authority/),
        });
        authorised();
        writeFileSync(
          file('known_hosts'),
          `${readFileSync(file('known_hosts'), 'utf8')}@revoked * ${publicKey('authority')}\n`,
        );
        expect(() => ssh()).toThrow();
        await expect(reach()).rejects.toMatchObject({ code: 'host-key-unknown' });
      } finally {
        await back();
      }
    });

    test.each([
      ['for another host', ['-n', 'elsewhere'], /its certificate is for elsewhere/],
      ['that has expired', ['-n', '127.0.0.1', '-V', '20200101:20200102'], /has expired/],
    ])('a certificate %s does not', async (_what, args, why) => {
      const back = await certify(...args);
      try {
        config();
        authorised();
        expect(() => ssh()).toThrow();
        await expect(reach()).rejects.toMatchObject({ code: 'host-key-unknown', message: expect.stringMatching(why) });
      } finally {
        await back();
      }
    });

    test('an authority alone is reported where the host has no certificate', async () => {
      config();
      authorised();
      await expect(reach()).rejects.toMatchObject({
        message: expect.stringMatching(/known_hosts:1 does not certify it: it has no certificate/),
      });
    });

    test.each([
      ['a list of keys', (path: string) => copyFileSync(file('host-ed25519.pub'), path)],
      ['a binary list', (path: string) => keygen('-k', '-f', path, file('host-ed25519.pub'))],
    ])('a key in RevokedHostKeys is refused: %s', async (_what, make) => {
      make(file('revoked list'));
      config(`RevokedHostKeys "${file('revoked list')}"`);
      expect(() => ssh()).toThrow();
      await expect(reach()).rejects.toMatchObject({
        code: 'host-key-changed',
        message: expect.stringContaining(`is revoked in ${file('revoked list')}:1`),
      });
    });

    test('a RevokedHostKeys that cannot be read refuses every host, by name', async () => {
      config(`RevokedHostKeys ${file('no such file')}`.replace('no such file', 'missing'));
      expect(() => ssh()).toThrow();
      await expect(reach()).rejects.toMatchObject({ message: expect.stringContaining('RevokedHostKeys') });
    });

    test('KnownHostsCommand is asked, with its tokens', async () => {
      const command = write(
        'ask',
        `#!/bin/sh\necho "$@" >>${file('asked')}\necho "$2 $(cut -d' ' -f1,2 ${file('host-ed25519.pub')})"\n`,
      );
      chmodSync(command, 0o755);
      config(`KnownHostsCommand ${command} %I %H "%t"`);
      writeFileSync(file('known_hosts'), '');
      expect(ssh()).toBe('in');
      rmSync(file('asked'));
      expect(await reach()).toBe('in');
      const name = `[127.0.0.1]:${sshd.port}`;
      expect(readFileSync(file('asked'), 'utf8')).toBe(`ORDER ${name} NONE\nHOSTNAME ${name} ssh-ed25519\n`);
      write('ask', '#!/bin/sh\necho broken >&2\nexit 3\n');
      await expect(reach()).rejects.toMatchObject({ message: expect.stringMatching(/KnownHostsCommand .*: broken$/) });
    });
  });

  describe('algorithms', () => {
    test.each([
      ['Ciphers', 'aes256-gcm@openssh.com'],
      ['MACs', 'hmac-sha2-512'],
      ['KexAlgorithms', 'diffie-hellman-group14-sha256'],
      ['HostKeyAlgorithms', 'ecdsa-sha2-nistp256'],
    ])('%s of the configuration is kept to', async (option, value) => {
      const back = await withSshd(`${option} ${value}`);
      try {
        writeFileSync(
          file('known_hosts'),
          `[127.0.0.1]:${sshd.port} ${sshd.hostKeys.ed25519}\n[127.0.0.1]:${sshd.port} ${sshd.hostKeys.ecdsa}\n`,
        );
        config(`${option} ${value}`);
        expect(await reach()).toBe('in');
      } finally {
        await back();
      }
    });

    test.each([
      ['MACs', 'umac-64@openssh.com'],
      ['KexAlgorithms', 'sntrup761x25519-sha512@openssh.com'],
    ])('%s that drover has none of are refused by name and value', async (option, value) => {
      config(`${option} ${value}`);
      expect(ssh()).toBe('in');
      await expect(reach()).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringContaining(`${option} in its ssh configuration allows only ${value}`),
        details: { option, value },
      });
    });

    test('SHA-1 is offered only where it is asked for', async () => {
      const back = await withSshd('MACs hmac-sha1', 'Ciphers aes128-ctr');
      try {
        config();
        await expect(reach()).rejects.toMatchObject({ message: expect.stringMatching(/no matching/) });
        config('MACs hmac-sha1');
        expect(await reach()).toBe('in');
      } finally {
        await back();
      }
    });
  });

  test('a server that does not speak SSH is reported as such', async () => {
    const web = createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const address = web.address();
    config();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(reach({ port })).rejects.toMatchObject({
      message: expect.stringContaining('does not speak SSH: it sent "HTTP/1.1 400 Bad Request"'),
      retryable: false,
    });
    web.close();
  });

  test('ProxyUseFdpass, and BindInterface, are refused by name', async () => {
    config('ProxyCommand nc %h %p', 'ProxyUseFdpass yes');
    await expect(reach()).rejects.toMatchObject({ message: expect.stringMatching(/ProxyUseFdpass (yes|true)/) });
    config('BindInterface lo');
    await expect(reach()).rejects.toMatchObject({ message: expect.stringContaining('BindInterface lo') });
  });
});
