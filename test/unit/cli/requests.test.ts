import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlayedNode, playNode } from '../../support/hostile-node.ts';

const program = fileURLToPath(new URL('../../../dist/drover.js', import.meta.url));
const [mesh, otherMesh] = ['10.9.9.1', '10.9.9.2'];

/** A table in which the first node serves port 8080 and the other one sends it there, as nft lists it. */
function tableOf(own: string, other: string, serves: boolean): string {
  const comment = 'requests';
  const port = { elem: { val: { concat: ['tcp', 8080] }, comment } };
  const holders = [
    { set: { name: 'peer4', elem: [other] } },
    { set: { name: 'mesh4', elem: [own] } },
    serves
      ? { set: { name: 'open', elem: [port] } }
      : { map: { name: 'tcp4', elem: [[{ elem: { val: 8080, comment } }, { concat: [other, 8080] }]] } },
  ];
  return JSON.stringify({ nftables: holders });
}

/** The built program over SSH to nodes that this process plays: what it asks of a node when nothing is to be done. */
describe('where nothing has to be done, a node is asked', () => {
  let folder = '';
  let nodes: readonly PlayedNode[] = [];

  const run = (...words: readonly string[]): Promise<{ readonly code: number; readonly output: string }> => {
    const env = { PATH: process.env.PATH, HOME: folder, USER: 'root', XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder };
    return new Promise((resolve) => {
      execFile(process.execPath, [program, ...words, '-C', folder], { env }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr }),
      );
    });
  };
  /** What each node was asked while this ran; for commands the number, for Docker the requests. */
  const asked = async (...words: readonly string[]) => {
    for (const node of nodes) node.takeAsked();
    const { code, output } = await run(...words);
    expect(code, output).toBe(0);
    return nodes.map((node) => {
      const all = node.takeAsked();
      const requests = all.filter((one) => /^(GET|POST|PUT|DELETE) /.test(one));
      return { commands: all.length - requests.length, requests: requests.toSorted() };
    });
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drover-requests-'));
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
    nodes = await Promise.all([
      playNode('11111111-1111-1111-1111-111111111111', tableOf(mesh, otherMesh, true)),
      playNode('22222222-2222-2222-2222-222222222222', tableOf(otherMesh, mesh, false)),
    ]);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    write('key', privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
    write('ssh_config', '');
    write('known_hosts', nodes.map(({ port, hostKey }) => `[127.0.0.1]:${port} ${hostKey}\n`).join(''));
    write(
      'application.yml',
      'version: 1\napplications:\n  web: { image: "web:1", ports: [{ internal: 80, external: 8080 }] }\n',
    );
    write('deployment.yml', 'version: 1\nnodes: { one: [web], two: [] }\n');
    const node = (name: string, port: number | undefined, address: string): string =>
      `  ${name}: { host: 127.0.0.1, port: ${port}, user: root, mesh: ${address}, identityFile: ${folder}/key, knownHostsFile: ${folder}/known_hosts, sshConfigFile: ${folder}/ssh_config }\n`;
    write(
      'drover.yml',
      `version: 1\nname: requests\nnodes:\n${node('one', nodes[0]?.port, mesh)}${node('two', nodes[1]?.port, otherMesh)}`,
    );
    const first = await run('apply');
    expect(first.code, first.output).toBe(0);
  });
  afterAll(() => {
    for (const node of nodes) node.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ofDocker = ['GET /containers/json', 'GET /images/json', 'GET /version', 'GET /volumes'];
  const ofImage = 'GET /images/sha256:abc/json';

  it('by status: one script, and of Docker each thing once', async () => {
    expect(await asked('status')).toEqual([
      { commands: 1, requests: [...ofDocker, 'GET /containers/drover-web/json', ofImage].toSorted() },
      { commands: 1, requests: [...ofDocker, ofImage].toSorted() },
    ]);
  });

  it('by apply: the same, and whether the application answers, for which no command runs', async () => {
    const answers = ['GET /containers/json', 'GET /containers/drover-web/json'];
    expect(await asked('apply')).toEqual([
      { commands: 1, requests: [...ofDocker, ...answers, ofImage].toSorted() },
      { commands: 1, requests: [...ofDocker, ofImage].toSorted() },
    ]);
  });
});
