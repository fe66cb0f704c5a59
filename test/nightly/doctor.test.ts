import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  drover,
  type Folder,
  labIsThere,
  node1,
  node2,
  onNode,
  project,
  run,
  runningOnNode1,
} from '../acceptance/lab.ts';

interface Finding {
  readonly node?: string;
  readonly check: string;
  readonly result: string;
  readonly text: string;
  readonly command?: string;
}

const application = `version: 1
applications:
  writer:
    image: drover/writer:1
    ports: [{internal: 8000, external: 8000}]
    volume: {mountpoint: /data}
`;
/** What acts on our dataset as zfs-auto-snapshot does: where the property does not forbid it. */
const timer = `cat >/usr/local/sbin/auto-snapshot <<'S'
#!/bin/sh
for ds in $(zfs get -H -r -t filesystem -o name,value com.sun:auto-snapshot drover/volumes | awk '$2 != "false" {print $1}'); do
  zfs snapshot "$ds@zfs-auto-snap_frequent-$(date +%s)"
done
S
chmod +x /usr/local/sbin/auto-snapshot
printf '[Service]\\nType=oneshot\\nExecStart=/usr/local/sbin/auto-snapshot\\n' >/etc/systemd/system/zfs-auto-snapshot-frequent.service
printf '[Timer]\\nOnCalendar=*:0/15\\n' >/etc/systemd/system/zfs-auto-snapshot-frequent.timer
systemctl daemon-reload && zfs set com.sun:auto-snapshot=true $(zfs list -H -o name -r drover/volumes | tail -1)
systemctl start zfs-auto-snapshot-frequent.timer zfs-auto-snapshot-frequent.service`;

/** Broken by hand on one node, and the finding that must come of it. */
const breaks: readonly (readonly [name: string, node: string, command: string, check: string])[] = [
  [
    'a rule that drops what is forwarded',
    node2,
    `nft 'add table inet foreign; add chain inet foreign through { type filter hook forward priority -10; }; add rule inet foreign through counter drop'`,
    'connections',
  ],
  ['a clock that was stepped', node2, 'date -u -s "+1 hour"', 'clock'],
  ['a program that takes snapshots of our dataset', node1, timer, 'snapshotters'],
  ['a unit that is disabled', node2, 'systemctl disable drover-boot.service', 'provision'],
  [
    'an sshd with few sessions',
    node2,
    'echo MaxSessions 2 >/etc/ssh/sshd_config.d/00-few.conf && systemctl reload ssh',
    'sessions',
  ],
  ['a Docker that is stopped', node2, 'systemctl stop docker.socket docker.service', 'docker'],
];

describe.skipIf(!labIsThere)('doctor in the lab', () => {
  let folder: Folder;
  async function examine(): Promise<readonly Finding[]> {
    const began = Date.now();
    const ran = await drover(['doctor', '--json'], folder.path);
    console.log(`doctor took ${Math.round((Date.now() - began) / 1000)} s`);
    const { ok, findings } = JSON.parse(ran.stdout) as { ok: boolean; findings: readonly Finding[] };
    expect(ran.code).toBe(ok ? 0 : 1);
    return findings;
  }
  const faults = (findings: readonly Finding[]) => findings.filter(({ result }) => result === 'fault');

  beforeAll(async () => {
    folder = await runningOnNode1('writer', application);
  });
  afterAll(() => folder?.remove());

  it('finds nothing wrong with healthy nodes', async () => {
    const findings = await examine();
    // That emulated nodes are slow and that nothing keeps their clocks is true of them, and no fault.
    const ofEmulation = ['connection', 'clock', 'clocks'];
    const found = findings.filter(
      ({ result, check }) => result === 'fault' || (result === 'warning' && !ofEmulation.includes(check)),
    );
    expect(found).toEqual([]);
    console.log(
      findings.map(({ node = '', check, result, text }) => `${result}  ${node}  ${check}  ${text}`).join('\n'),
    );
    expect(findings.some(({ check }) => check === 'connections')).toBe(true);
  });

  it.each(breaks)('finds %s, and its command fixes it', async (_name, node, command, check) => {
    await onNode(node, command);
    const found = faults(await examine()).find((one) => one.node === node && one.check === check);
    expect(found?.command).toBeDefined();
    console.log(`✘ ${found?.check} ${found?.text}\n  run: ${found?.command}`);
    const mended = await run('bash', ['-c', found?.command ?? 'false'], { cwd: project });
    expect(mended, mended.stdout + mended.stderr).toMatchObject({ code: 0 });
    expect(faults(await examine())).toEqual([]);
  });
});
