import { describe, expect, it } from 'vitest';
import { readRegistryAuth, registryOf } from '../../../../src/node/docker/registry-auth.ts';
import { scriptedConnection } from '../../../fakes/scripted-connection.ts';

const signal = new AbortController().signal;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const none = { username: '', password: '', identitytoken: '' };

/** A node with this configuration of root's, and what its credential helper answers. */
const node = (config: unknown, helper?: unknown) =>
  scriptedConnection(({ words }) => {
    if (words.length === 1) return { stdout: typeof config === 'string' ? config : JSON.stringify(config) };
    return helper === undefined ? { code: 1, stdout: 'credentials not found' } : { stdout: JSON.stringify(helper) };
  });

describe('how a node logs in at a registry', () => {
  it.each([
    ['web', 'https://index.docker.io/v1/'],
    ['acme/web', 'https://index.docker.io/v1/'],
    ['docker.io/acme/web', 'https://index.docker.io/v1/'],
    ['reg.example/web', 'reg.example'],
    ['reg:5000/web', 'reg:5000'],
    ['localhost/web', 'localhost'],
  ])('%s is of the registry %s', (repository, registry) => {
    expect(registryOf(repository)).toBe(registry);
  });

  it.each(['reg.example', 'https://reg.example', 'https://reg.example/v2/'])(
    'is what docker login wrote for %s',
    async (key) => {
      const connection = node({
        auths: { 'other.example': { auth: base64('x:y') }, [key]: { auth: base64('anna:s:e c') } },
      });
      expect(await readRegistryAuth(connection, 'reg.example/web', signal)).toEqual({
        ...none,
        username: 'anna',
        password: 's:e c',
        serveraddress: 'reg.example',
      });
      expect(await readRegistryAuth(connection, 'reg.example.org/web', signal)).toBeUndefined();
      expect(await readRegistryAuth(connection, 'web', signal)).toBeUndefined();
    },
  );

  it('is an identity token where there is one, and what the helper of the registry says', async () => {
    const token = node({ auths: { 'reg.example': { identitytoken: 't' } } });
    expect(await readRegistryAuth(token, 'reg.example/web', signal)).toMatchObject({ ...none, identitytoken: 't' });
    const helped = node(
      { credsStore: 'pass', credHelpers: { 'reg.example': 'ecr-login' } },
      { Username: 'a', Secret: 'b' },
    );
    expect(await readRegistryAuth(helped, 'reg.example/web', signal)).toMatchObject({ username: 'a', password: 'b' });
    expect(helped.sent.at(-1)?.words.slice(1)).toEqual(['ecr-login', 'reg.example']);
    await readRegistryAuth(helped, 'web', signal);
    expect(helped.sent.at(-1)?.words.slice(1)).toEqual(['pass', 'https://index.docker.io/v1/']);
  });

  it.each([
    '',
    'no JSON',
    '[]',
    { auths: 5 },
    { auths: { 'reg.example': { auth: '%%%' } } },
    { credsStore: '../x; id' },
  ])('is nothing where the configuration is %j', async (config) => {
    const connection = node(config);
    expect(await readRegistryAuth(connection, 'reg.example/web', signal)).toBeUndefined();
    expect(connection.sent).toHaveLength(1);
  });

  it('is nothing where the helper has nothing', async () => {
    expect(await readRegistryAuth(node({ credsStore: 'pass' }), 'web', signal)).toBeUndefined();
  });
});
