import { describe, expect, it } from 'vitest';
import { fitOf } from '../../../../src/node/docker/api.ts';
import { parseAccepted, parseDrops } from '../../../../src/node/doctor/examine-firewall.ts';
import { createNodeDoctor } from '../../../../src/node/doctor/examine-node.ts';
import {
  findSnapshotters,
  parseDatasets,
  parsePoolReading,
  parseProvision,
  parseSnapshots,
  parseUnits,
  parseZfsVersions,
} from '../../../../src/node/doctor/examine-output.ts';
import { scriptedConnection } from '../../../fakes/scripted-connection.ts';

/** As nft 1.0.6 lists what iptables-nft and nft made; the chains of Docker 26. */
const ruleset = `table ip filter { # handle 1
	chain DOCKER-USER { # handle 1
		ct status dnat ct reply saddr 10.0.0.1  counter packets 0 bytes 0 accept # handle 10
		tcp dport 9000 counter packets 0 bytes 0 drop # handle 13
	}

	chain DOCKER { # handle 2
		iifname != "docker0" oifname "docker0" counter packets 0 bytes 0 drop # handle 9
	}

	chain DOCKER-ISOLATION-STAGE-2 { # handle 3
		oifname "docker0" counter packets 0 bytes 0 drop # handle 8
	}

	chain FORWARD { # handle 4
		type filter hook forward priority filter; policy drop;
		counter packets 0 bytes 0 jump DOCKER-USER # handle 5
		counter packets 0 bytes 0 jump DOCKER-ISOLATION-STAGE-2 # handle 6
		counter packets 0 bytes 0 jump DOCKER # handle 7
		tcp dport 8000 counter packets 0 bytes 0 reject # handle 11
		comment "drop nothing" counter packets 0 bytes 0 accept # handle 12
		counter packets 0 bytes 0 xt target "REJECT" # handle 14
	}
}
table ip raw { # handle 5
	chain PREROUTING { # handle 1
		type filter hook prerouting priority raw; policy accept;
		ip daddr 172.17.0.2 iifname != "docker0" counter packets 0 bytes 0 drop # handle 2
	}
}
table inet drover { # handle 2
	chain hold_in { # handle 10
		type filter hook prerouting priority -150; policy accept;
		ip daddr @mesh4 ct state new meta l4proto . th dport @hold drop # handle 11
	}
}
table inet foreign { # handle 3
	set blocked { # handle 1
		type ipv4_addr
		elements = { 10.0.0.9 }
	}
	chain through { # handle 2
		type filter hook forward priority -10; policy accept;
		ct state invalid drop # handle 3
		tcp dport { 80, 8000 } counter packets 3 bytes 180 drop # handle 4
	}
	chain nowhere { # handle 5
		drop # handle 6
	}
}
`;

describe('a firewall', () => {
  it('is read for what may drop a good packet: rules and policies of others, where packets come by', () => {
    expect(parseDrops(ruleset).map(({ hook, table, chain, handle }) => [hook, table, chain, handle])).toEqual([
      ['forward', 'ip filter', 'DOCKER-USER', 13],
      ['forward', 'ip filter', 'FORWARD', 11],
      ['forward', 'ip filter', 'FORWARD', 14],
      ['forward', 'ip filter', 'FORWARD', undefined],
      ['forward', 'inet foreign', 'through', 4],
    ]);
    expect(parseDrops('')).toEqual([]);
  });

  it('ends in a loop of chains', () => {
    const loop = `table ip t { # handle 1
	chain a { # handle 1
		type filter hook forward priority 0; policy accept;
		jump b # handle 2
	}
	chain b { # handle 3
		jump b # handle 4
		drop # handle 5
	}
}`;
    expect(parseDrops(loop)).toMatchObject([{ chain: 'b', handle: 5 }]);
  });

  it('names the peers that Docker lets through, where Docker has such a chain', () => {
    const text = `-N DOCKER-USER
-A DOCKER-USER -m conntrack --ctstate DNAT --ctreplsrc 10.0.0.1 -m comment --comment drover -j ACCEPT
-A DOCKER-USER -m conntrack --ctstate DNAT --ctreplsrc 10.0.0.2/32 -m comment --comment drover -j DROP
-A DOCKER-USER -j RETURN
`;
    expect(parseAccepted(text)).toEqual(['10.0.0.1']);
    expect(parseAccepted('')).toBeUndefined();
  });
});

describe('what a node prints', () => {
  it('of provision.sh, by its columns', () => {
    const text = `done      system                 Debian GNU/Linux 13 (trixie)
done      packages               ${''}
would do  dataset drover/volumes ${''}
would do  boot services${' '.repeat(10)}
cannot    root                   this must run as root; use sudo
Reading package lists...
`;
    expect(parseProvision(text)).toEqual([
      { state: 'done', step: 'system', detail: 'Debian GNU/Linux 13 (trixie)' },
      { state: 'done', step: 'packages' },
      { state: 'would do', step: 'dataset drover/volumes' },
      { state: 'would do', step: 'boot services' },
      { state: 'cannot', step: 'root', detail: 'this must run as root; use sudo' },
    ]);
  });

  it('of units and cron: what sets the clock, firewalls, programs that take snapshots', () => {
    const read = parseUnits(`chrony.service loaded active running chrony, an NTP client/server
ufw.service loaded active exited Uncomplicated firewall
sanoid.timer loaded active waiting Run Sanoid Every 15 Minutes
docker.service loaded active running Docker
`);
    expect(read).toMatchObject({ timeKeepers: ['chrony'], firewalls: ['ufw'] });
    expect(findSnapshotters(read.units, '/etc/cron.hourly/zfs-auto-snapshot\n/etc/cron.daily/apt\n')).toEqual([
      { tool: 'sanoid', startedBy: 'sanoid.timer' },
      { tool: 'zfs-auto-snapshot', startedBy: '/etc/cron.hourly/zfs-auto-snapshot' },
    ]);
  });

  it('of versions and the pool', () => {
    expect(parseZfsVersions('zfs-2.3.2-2\nzfs-kmod-2.3.1-1\nmodule 2.3.1-1\n')).toEqual({
      userland: '2.3.2-2',
      module: '2.3.1-1',
    });
    expect(parseZfsVersions('module \n')).toEqual({});
    const status = `  pool: drover
 state: ONLINE
  scan: scrub repaired 0B in 00:00:01 with 2 errors on Sun Oct 12 00:24:02 2025
config:

	NAME      STATE     READ WRITE CKSUM
errors: 2 data errors, use '-v' for a list
`;
    expect(parsePoolReading('ONLINE\t3\t11\n', status)).toEqual({
      health: 'ONLINE',
      capacity: 3,
      fragmentation: 11,
      scan: 'scrub repaired 0B in 00:00:01 with 2 errors on Sun Oct 12 00:24:02 2025',
      errors: "2 data errors, use '-v' for a list",
    });
    expect(parsePoolReading('ONLINE\t3\t-\n', 'errors: No known data errors\n')).toEqual({
      health: 'ONLINE',
      capacity: 3,
      errors: 'No known data errors',
    });
  });

  it('of datasets: only a local role counts; bookmarks and holds by their dataset', () => {
    const get = `d/v\tmountpoint\t/m\tlocal
d/v/a\tmountpoint\t/m/a\tinherited from d/v
d/v/a\tcanmount\tnoauto\tlocal
d/v/a\treadonly\toff\tlocal
d/v/a\tmounted\tyes\t-
d/v/a\tcreation\t1700000000\t-
d/v/a\tcom.sun:auto-snapshot\tfalse\tinherited from d/v
d/v/a\treceive_resume_token\t-\t-
d/v/a\tdrover:role\towner\tlocal
d/v/b\tdrover:role\towner\tinherited from d/v/a
d/v/b\treceive_resume_token\t1-abc\t-
`;
    const copies = 'd/v/a@s1\t1700000001\t1\nd/v/a@s2\t1700000002\t0\nd/v/a#s1\t1700000001\t-\n';
    const [, a, b] = parseDatasets(get, copies);
    expect(a).toMatchObject({ role: 'owner', mounted: true, readonly: false, autoSnapshot: 'false', bookmarks: 1 });
    expect(a).toMatchObject({ hasResumeToken: false, createdAt: 1_700_000_000_000 });
    expect(b).not.toHaveProperty('role');
    expect(b).toMatchObject({ hasResumeToken: true, bookmarks: 0 });
    expect(parseSnapshots(copies, 'd/v/a@s1\tdrover\tSun Oct 12\n')).toEqual([
      { dataset: 'd/v/a', name: 's1', createdAt: 1_700_000_001_000, holds: ['drover'] },
      { dataset: 'd/v/a', name: 's2', createdAt: 1_700_000_002_000, holds: [] },
    ]);
  });

  it('of a Docker, against the versions that drover speaks', () => {
    expect(fitOf('1.40', '1.12')).toBe('too old');
    expect(fitOf('1.41', '1.12')).toBe('well');
    expect(fitOf('1.52', '1.44')).toBe('well');
    expect(fitOf('1.60', '1.50')).toBe('too new');
  });
});

describe('the examination of a node', () => {
  const signal = new AbortController().signal;
  const place = { pool: 'drover', root: 'drover/volumes', meshAddress: '10.0.0.7' };

  it('has every connection without an answer as silent, in the order asked', async () => {
    const connection = scriptedConnection(() => ({ stdout: '2\taccepted\tSSH-2.0-x\n0\trefused\t\n' }));
    const doctor = createNodeDoctor({ connection, ...place });
    const target = { address: '10.0.0.8', port: 80 };
    const answers = await doctor.connect([target, { ...target, port: 81 }, { ...target, banner: true }], signal);
    expect(answers.map(({ result, said }) => [result, said])).toEqual([
      ['refused', undefined],
      ['silent', undefined],
      ['accepted', 'SSH-2.0-x'],
    ]);
    expect(connection.sent[0]?.words.slice(-9)).toEqual([
      '10.0.0.8',
      '80',
      'no',
      '10.0.0.8',
      '81',
      'no',
      '10.0.0.8',
      '80',
      'yes',
    ]);
  });

  it('asks provision.sh about this pool, and takes its exit statuses for answers', async () => {
    let code = 1;
    const connection = scriptedConnection(() => ({ code, stdout: 'would do  files\n' }));
    const doctor = createNodeDoctor({ connection, ...place });
    expect(await doctor.provision('echo', signal)).toEqual([{ state: 'would do', step: 'files' }]);
    code = 2;
    expect(await doctor.provision('echo', signal)).toEqual([{ state: 'would do', step: 'files' }]);
    expect(connection.sent[0]?.words).toEqual(['echo', '--check', '--pool-name', 'drover', '--root', 'drover/volumes']);
  });

  it('refuses output that is not a clock or a reading', async () => {
    const doctor = createNodeDoctor({ connection: scriptedConnection(() => ({ stdout: 'what\n' })), ...place });
    await expect(doctor.clock(signal)).rejects.toMatchObject({ code: 'command-failed' });
    await expect(doctor.system(signal)).rejects.toMatchObject({ code: 'command-failed' });
  });

  it('knows where other nodes reach its sshd', () => {
    expect(createNodeDoctor({ connection: scriptedConnection(), ...place }).sshPlaces).toEqual([
      { address: '10.0.0.7', port: 22 },
      { address: '10.0.0.1', port: 22 },
    ]);
  });
});
