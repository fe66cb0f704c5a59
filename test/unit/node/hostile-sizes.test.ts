import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/model/errors.ts';
import { commandOutputBytes, commandOutputLines, dockerAnswerBytes } from '../../../src/model/limits.ts';
import { plainText, visibleText } from '../../../src/model/plain-text.ts';
import { parseBoot } from '../../../src/node/boot-rules.ts';
import type { DockerApi } from '../../../src/node/docker/api.ts';
import { createDockerImages, createImageReader, readImageList } from '../../../src/node/docker/images.ts';
import { isManaged, readContainer } from '../../../src/node/docker/spec.ts';
import { parseDrops } from '../../../src/node/doctor/examine-firewall.ts';
import { parseDatasets, parseProvision, parseSnapshots, parseUnits } from '../../../src/node/doctor/examine-output.ts';
import { parseSample } from '../../../src/node/figures.ts';
import { numberAt, parseJson } from '../../../src/node/json.ts';
import { readTable } from '../../../src/node/network/proxy-table.ts';
import { parseAddresses, parseForeignMounts, parseListeners } from '../../../src/node/observe-node.ts';
import type { NodeConnection } from '../../../src/node/ssh/connection.ts';
import { fitsPattern } from '../../../src/node/ssh/known-hosts.ts';
import { parseDetails } from '../../../src/node/zfs/details.ts';
import { parseVolumes } from '../../../src/node/zfs/output.ts';
import { formatBytes, formatDuration } from '../../../src/view/wording.ts';
import { aContainer, anApplication } from '../../builders.ts';
import { complaints, load } from '../config/loading.ts';

/** Lines of a kind: a quarter of what a node may send in one answer, which shows as well what grows with the square. */
function lines(make: (n: number) => string): string {
  return Array.from({ length: commandOutputLines / 4 }, (_, n) => `${make(n)}\n`).join('');
}
const id = 'a'.repeat(64);
const volume = (name: string) => `${name}\tdrover:vol\tv\tlocal\n${name}\tdrover:role\towner\tlocal`;
const fewVolumes = Array.from({ length: 9_000 }, (_, n) => volume(`d/v${n}`)).join('\n');
const one = aContainer(anApplication('web'), '10.0.0.1');
const containers = Array.from({ length: 10_000 }, (_, n) => ({ ...one, id: `c${n}` }));
const none = { environment: {}, command: [], entrypoint: [] };
type Parts = { readonly Mounts: unknown[]; readonly Ports: unknown[]; readonly volumes: Record<string, string> };

/** A container of about the size that an answer of Docker's may have. */
const inspected = (add: (parts: Parts, n: number) => number) => {
  const parts: Parts = { Mounts: [], Ports: [], volumes: {} };
  let bytes = 0;
  for (let n = 0; bytes < dockerAnswerBytes; n += 1) bytes += add(parts, n);
  return {
    Config: { Labels: { 'drover.application': 'a', 'drover.volumes': JSON.stringify(parts.volumes) } },
    HostConfig: { PortBindings: { '80/tcp': parts.Ports } },
    Mounts: parts.Mounts,
  };
};
const bind = (n: number) => ({ Type: 'bind', Source: `/s${n}`, Destination: `/d${n}` });

const answers: Record<string, () => () => unknown> = {
  datasets: () => {
    const text = lines((n) =>
      n % 2 === 0 ? `d/v${n}\tdrover:vol\tv\tlocal` : `d/v${n - 1}\tdrover:role\towner\tlocal`,
    );
    return () => expect(() => parseVolumes(text, '')).toThrow(/more than 10000 datasets/);
  },
  'datasets below each other': () => () =>
    parseVolumes(Array.from({ length: 9_000 }, (_, n) => volume(`d/${'a/'.repeat(100)}${n}`)).join('\n'), ''),
  'a name without an end': () => {
    const text = volume(`d${'/a'.repeat(5_000_000)}`);
    return () => expect(() => parseVolumes(text, '')).toThrow(/longer than ZFS allows/);
  },
  'snapshots of one dataset': () => {
    const text = lines((n) => `d/v1@s${n}\t${n}\t${n}`);
    return () => parseVolumes(fewVolumes, text);
  },
  'mounts elsewhere': () => {
    const text = lines((n) => `d/v${n}\t${n}\t${id}\tx`);
    return () => parseForeignMounts(text, containers);
  },
  'bookmarks of examined datasets': () => {
    const [get, list] = [lines((n) => `d/v${n}\treadonly\ton\tlocal`), lines((n) => `d/v${n}#b\t1\t1`)];
    return () => parseDatasets(get, list);
  },
  'holds of examined snapshots': () => {
    const [copies, holds] = [lines((n) => `d@s${n}\t1\t1`), lines((n) => `d@s${n}\ttag`)];
    return () => parseSnapshots(copies, holds);
  },
  'holds of one snapshot': () => {
    const holds = lines((n) => `d@s\ttag${n}`);
    return () => parseDetails('d', 'd@s\t1\t1\t1\t1\t1\n', '', holds);
  },
  'peers of one address': () => {
    const text = `ready\n${lines((n) => `peer 10.0.0.1 22 ssh-ed25519 AAAA${n}`)}`;
    return () => parseBoot(text);
  },
  'listening sockets': () => {
    const text = lines((n) => `tcp LISTEN 0 1 0.0.0.0:${n % 65_536} 0.0.0.0:* users:(("x",pid=1,fd=1))`);
    return () => parseListeners(text);
  },
  addresses: () => {
    const text = lines((n) => `1: eth${n} inet 10.0.0.1/8 scope global`);
    return () => parseAddresses(text);
  },
  'one line of blanks': () => {
    const text = ' '.repeat(commandOutputBytes);
    return () => [parseListeners(text), parseAddresses(text), parseProvision(text), parseUnits(text), parseDrops(text)];
  },
  'rules of a firewall': () => {
    const text = `table ip filter {\nchain f {\ntype filter hook forward priority 0; policy accept;\n${lines((n) => `drop # handle ${n}`)}`;
    return () => parseDrops(text);
  },
  'chains that lead to each other': () => {
    const text = `table ip filter {\n${Array.from({ length: 50_000 }, (_, n) => `chain c${n} {\n${n === 0 ? 'type filter hook forward priority 0;\n' : ''}jump c${n + 1} # handle 1\njump c${n + 2} # handle 2\n}\n`).join('')}`;
    return () => parseDrops(text);
  },
  'a port map': () => {
    const elem = Array.from({ length: 60_000 }, (_, n) => [n, { concat: [`10.0.${n >> 8}.${n & 255}`, n] }]);
    const text = JSON.stringify({ nftables: [{ map: { name: 'tcp4', elem } }] });
    return () => readTable(text, ['10.0.0.1']);
  },
  images: () => {
    const text = JSON.stringify(Array.from({ length: 100_000 }, (_, n) => ({ Id: `i${n}`, RepoTags: [`a:${n}`] })));
    return () => readImageList(JSON.parse(text));
  },
  'mounts of a container': () => {
    const value = inspected(({ Mounts, volumes }, n) => {
      Mounts.push(bind(n));
      volumes[`/d${n}`] = 'v';
      return JSON.stringify(bind(n)).length + 12;
    });
    return () => readContainer(value, none);
  },
  'addresses of a published port': () => {
    const value = inspected(({ Ports }, n) => {
      const binding = { HostPort: '80', HostIp: `10.0.${(n >> 8) & 255}.${n & 255}` };
      Ports.push(binding);
      return JSON.stringify(binding).length + 1;
    });
    return () => readContainer(value, none);
  },
  'JSON inside of JSON': () => {
    const text = '['.repeat(400_000) + ']'.repeat(400_000);
    return () => parseJson(text);
  },
  'marks on one letter': () => {
    const text = `z${'\u0301'.repeat(1_000_000)}`;
    return () => [plainText(text), visibleText(text)];
  },
  'sequences that begin and do not end': () => {
    const text = '\u001b]0;\u009b1'.repeat(300_000);
    return () => plainText(text);
  },
  'stars in a pattern of known_hosts': () => () => fitsPattern(`${'*a'.repeat(500)}b`, 'a'.repeat(250)),
};

describe('a long answer of a node takes little computing', () => {
  // A parser that looks at each line for each line takes hours.
  it.each(Object.entries(answers))('%s', (_name, make) => {
    const parse = make();
    const before = process.cpuUsage();
    parse();
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(8);
  });
});

describe('names that every object of JavaScript knows', () => {
  it.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__'])('are no applications: %s', (name) => {
    const labels = { 'drover.managed': 'true', 'drover.application': name };
    expect(isManaged(labels)).toBe(false);
    expect(parseVolumes(`${volume('d/v')}\nd/v\tdrover:app\t${name}\tlocal`, '')[0]).not.toHaveProperty('application');
    const application = `version: 1\napplications: {${name}: {image: x}}`;
    expect(complaints(load(application)).join()).toMatch(/is reserved|must start with/);
  });

  it('and numbers that are none are absent', () => {
    expect(numberAt(parseJson('{"a": 1e999}'), 'a')).toBeUndefined();
    const lines = ['cpu 1e9 2', 'cores Infinity', 'up NaN', 'load -1', 'memory 99999999999999999999 1'];
    const sample = parseSample([...lines, 'pool\tdrover\tONLINE\t2\t1', `container ab ${'9'.repeat(400)} 1`], 'n');
    expect(sample).toMatchObject({ busy: 0, total: 2, cores: 0, up: 0, load: 0, containers: new Map() });
    expect([formatBytes(Number.NaN), formatBytes(1e308), formatDuration(Number.POSITIVE_INFINITY)]).toEqual([
      '?',
      '?',
      '?',
    ]);
  });
});

describe('an image that comes and does not come', () => {
  const signal = new AbortController().signal;
  const connection = { node: 'n', closed: signal } as unknown as NodeConnection;
  const reader = createImageReader('n', {} as unknown as DockerApi);
  const images = (stream: () => Promise<Readable>) =>
    createDockerImages(connection, { stream, json: async () => undefined } as unknown as DockerApi, reader, 50);
  const never = (): Readable => new Readable({ read: () => undefined });

  it('is given up where Docker says nothing any more', async () => {
    const body = never();
    const error = { code: 'timeout', message: 'cannot export "x:1" on "n": no data for 0 s' };
    const export1 = await images(async () => body).exportImage({ repository: 'x', tag: '1' }, signal);
    await expect(export1.toArray()).rejects.toMatchObject(error);
    expect(body.destroyed).toBe(true);
  });

  it('is given up where Docker does not begin to answer', async () => {
    const silent = (_request: unknown, heard: AbortSignal) =>
      new Promise<Readable>((_, reject) => {
        heard.addEventListener('abort', () => reject(new AppError('cancelled', 'cancelled')));
      });
    const { exportImage, pull } = images(silent as () => Promise<Readable>);
    const image = { repository: 'x', tag: '1' };
    await expect(exportImage(image, signal)).rejects.toMatchObject({ code: 'timeout' });
    await expect(pull(image, () => undefined, signal)).rejects.toMatchObject({ code: 'timeout' });
  });
});

describe('text that would reach other lines', () => {
  it('loses the marks that stand on top of each other', () => {
    const word = `z${'\u0301'.repeat(50)}a\u0323\u0302`;
    expect(plainText(word)).toBe(`z${'\u0301'.repeat(6)}a\u0323\u0302`);
    expect(visibleText(word)).toBe(`z${'\u0301'.repeat(6)}${'?'.repeat(44)}a\u0323\u0302`);
  });
});

describe('a pattern of ssh', () => {
  it.each<readonly [string, string, boolean]>([
    ['*', '', true],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'example.com', false],
    ['10.0.0.?', '10.0.0.1', true],
    ['10.0.0.?', '10.0.0.12', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-b-b-', false],
    ['host', 'host', true],
    ['h.st', 'host', false],
    ['', 'host', false],
    ['**', 'host', true],
  ])('%s and %s: %s', (pattern, name, fits) => expect(fitsPattern(pattern, name)).toBe(fits));
});
