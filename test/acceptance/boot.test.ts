import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  drover,
  type Folder,
  folderWith,
  hangsMs,
  labIsThere,
  node1,
  node2,
  onNode,
  ownersOn,
  pause,
  project,
  resetLab,
  run,
} from './lab.ts';

/** `web` starts after `writer`, and tells whether that answered at the very first question. */
const application = `version: 1
applications:
  writer:
    image: drover/writer:1
    ports: [{internal: 8000, external: 8000}]
    volume: {mountpoint: /data}
    environment: {RATE: "20"}
    restart_policy: {name: always}
  web:
    image: drover/busybox:1
    ports: [{internal: 80, external: 8080}]
    links: [{alias: writer, local_port: 8000, remote_port: 8000}]
    command:
      - sh
      - -c
      - mkdir -p /www; wget -qO /www/first http://$WRITER_PORT_8000_TCP_ADDR:8000/ || echo refused >/www/first; exec httpd -f -p 80 -h /www
    restart_policy: {name: always}
`;

describe.skipIf(!labIsThere)('a node that comes back from a power cut, with no drover running', () => {
  let folder: Folder;
  let dataset = '';
  let written = 0;

  beforeAll(async () => {
    await resetLab();
    folder = await folderWith(application);
    // Made on node2 and moved: so node2 has a copy, and could have taken the volume over.
    for (const placement of [
      { [node1]: [], [node2]: ['writer'] },
      { [node1]: ['writer', 'web'], [node2]: [] },
    ]) {
      await folder.deploy(placement);
      const ran = await drover(['apply'], folder.path);
      expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    }
    [dataset = ''] = await ownersOn(node1);
  });
  afterAll(() => folder.remove());

  async function fault(node: 'node1' | 'node2', kind: string, undo = false): Promise<void> {
    const words = ['break', node, kind, ...(undo ? ['--undo'] : [])];
    const ran = await run(process.execPath, [join(project, 'lab', 'lab.mjs'), ...words]);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
  }
  const ask = async (url: string): Promise<string> => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    return answer.ok ? (await answer.text()).trim() : `status ${answer.status}`;
  };
  const asked = (url: string): Promise<string> => ask(url).catch((error: unknown) => String(error));
  async function until(what: string, test: () => Promise<boolean>, limitMs = hangsMs): Promise<void> {
    for (const end = Date.now() + limitMs; !(await test()); await pause(2_000)) {
      if (Date.now() > end) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    }
  }
  const journal = (): Promise<string> => onNode(node1, 'journalctl -b -o cat -u drover-start.service');
  const running = async (): Promise<string> =>
    (await onNode(node1, "docker ps --format '{{.Names}}' --filter label=drover.managed")).trim();
  const waits = async (): Promise<string> => onNode(node1, 'cat /run/drover/waiting 2>/dev/null || true');

  it('waits for a peer that may have taken over, and says so', async () => {
    written = Number(await ask(`http://${node1}:8000/`));
    expect(written).toBeGreaterThan(0);
    await fault('node1', 'power');
    await fault('node2', 'cable');
    await fault('node1', 'power', true);
    await until('the volume waits', async () => (await waits()).includes(`silent\t${node2}`));
    expect(await onNode(node1, `zfs get -H -o value mounted ${dataset}`)).toBe('no\n');
    expect(await running()).not.toContain('writer');
    const status = await drover(['status'], folder.path);
    console.log(status.stdout);
    expect(status.stdout).toContain('owner, waiting');
    expect(status.stdout).toMatch(
      /writer.* has been waiting since the node booted: .* does not answer and may have taken it over/,
    );
    const facts = JSON.parse((await drover(['status', '--json'], folder.path)).stdout);
    expect(facts.volumes).toContainEqual(
      expect.objectContaining({ node: node1, waiting: { why: 'silent', nodes: [node2] } }),
    );
  });

  it('goes on by itself once that one answers: in order, with every record and every forward', async () => {
    await fault('node2', 'cable', true);
    await until('the writer answers through node2', async () => Number(await asked(`http://${node2}:8000/`)) > written);
    await until('web answers through node2', async () => /^\d+$/.test(await asked(`http://${node2}:8080/first`)));
    console.log(await journal());
    expect(await onNode(node1, 'docker exec drover-writer /writer -verify /data/log')).toMatch(
      /lost=0 doubled=0 bad=0/,
    );
    const table = await onNode(node1, 'nft list table inet drover && iptables -S DROVER-FORWARD');
    expect(table).toContain(`--ctreplsrc ${node2}`);
    const status = await drover(['status'], folder.path);
    console.log(status.stdout);
    expect(status, status.stdout + status.stderr).toMatchObject({ code: 0 });
    expect(status.stdout).not.toContain('waiting');
    // Whatever drover would do now was forgotten by the boot.
    const again = await drover(['plan', '--detailed-exitcode'], folder.path);
    expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 });
    // Docker alone keeps bringing them back: the gate is there until the node goes down.
    await onNode(node1, 'systemctl restart docker');
    await until(
      'both run again',
      async () => /drover-web/.test(await running()) && /drover-writer/.test(await running()),
    );
  });

  it('keeps its copy as diverged and starts nothing on it where another one took over', async () => {
    await fault('node1', 'power');
    const copy = (await onNode(node2, 'zfs list -H -o name -r -t filesystem drover/volumes')).trim().split('\n').at(-1);
    const take = 'drover:role=owner drover:owner=$(cat /etc/drover/node-id) drover:epoch=9 readonly=off';
    await onNode(node2, `zfs set ${take} ${copy}`);
    // A drover that has never seen node1 works meanwhile: node2 still answers what node1 will ask.
    const apart = await drover(['apply'], folder.path);
    expect(apart, apart.stdout + apart.stderr).toMatchObject({ code: 4 });
    expect(await onNode(node2, 'cat /etc/drover/boot-peers')).toContain(`peer ${node1} `);
    await fault('node1', 'power', true);
    const role = () => onNode(node1, `zfs get -H -o value drover:role,readonly,mounted ${dataset}`);
    await until('it has found out', async () => (await role()) === 'diverged\non\nno\n');
    await until('web runs', async () => (await running()).includes('drover-web'));
    console.log(await journal());
    expect(await running()).toBe('drover-web');
    expect(await ownersOn(node1)).toHaveLength(0);
    expect(await onNode(node1, `zfs list -H -o name -t snapshot ${dataset}`)).toMatch(/@diverged-e\d+\n/);
    const status = await drover(['status'], folder.path);
    console.log(status.stdout);
    expect(status.stdout).toContain('diverged');
    expect(status.stdout).toMatch(/epoch 9/);
    expect(status.stdout).toContain('drover reseed ');
    const plan = await drover(['plan'], folder.path);
    expect(plan.stdout).toMatch(/has a copy with role diverged/);
  });
});
