import { describe, expect, it } from 'vitest';
import { splitShellWords } from '../../../../src/config/shell-words.ts';
import { defaultVolumeId } from '../../../../src/model/names.ts';
import { appOf, complaints, configOf, load } from '../loading.ts';

const fig = (fields: string) => load(`a: {image: x, ${fields}}\nb: {image: y, ports: ["81:80", "82:80", "90:91"]}`);
const compose = (fields: string, rest = '') =>
  load(`services:\n  a: {image: x, ${fields}}\n  b: {image: y, ports: ["81:80", "5353:53/udp"]}\n${rest}`);

describe('the Fig form', () => {
  it('gives one link for each internal port of the target, in their order', () => {
    expect(appOf(fig('links: ["b:store"]')).links).toEqual([
      { alias: 'store', localPort: 80, remotePort: 81 },
      { alias: 'store', localPort: 91, remotePort: 90 },
    ]);
  });

  it('identifies its one volume by the application alone', () => {
    expect(appOf(fig('volumes: [/data/]')).volumes).toEqual([{ id: defaultVolumeId('a'), mountpoint: '/data' }]);
  });

  it.each([
    ['links: ["b:"]', 'has an empty part'],
    ['links: [{b: c}]', 'a link must be a string'],
    ['links: ["b:s t"]', 'must hold only letters'],
    ['links: [b, "b:B"]', 'two links give the same variables'],
    ['volumes: [data]', 'is not absolute'],
    ['volumes: ["/host:/container"]', 'has a colon'],
    ['volumes: [/a, /b]', 'only one volume'],
    ['ports: ["0:80"]', 'is not from 1 to 65535'],
    ['ports: ["127.0.0.1:8080:80"]', 'is not of the form host:container'],
    ['ports: [8080]', 'a port must be a string'],
    ['ports: null', '"ports" must be a list'],
    ['environment: {A: 5}', 'must be a string'],
    ['environment: ["=x"]', 'must not be empty'],
    ['mem_limit: null', 'must be an integer'],
    ['net: host', 'the key "net" is not supported'],
    ['imagee: x', 'unknown key "imagee"'],
  ])('refuses %s', (fields, message) => {
    expect(complaints(fig(fields)).join('\n')).toContain(message);
  });
});

describe('the Compose form', () => {
  it('reads every key it supports', () => {
    const app = appOf(
      compose(
        'environment: {A: 1, B: "$$x", C: }, ports: ["8080:80", {target: 53, published: "54", protocol: udp}], ' +
          'volumes: [/logs, "data:/data", {type: volume, source: more, target: /more}], links: [b], ' +
          'depends_on: {b: {condition: service_started}}, mem_limit: 1.5g, cpu_shares: 100, stop_grace_period: 1m30s, ' +
          'restart: "on-failure:3", command: sh -c "exec \'a b\'", entrypoint: ["/init"], x-note: anything',
        'version: "3"\nname: shop\nvolumes: {data: , more: {}}\nx-more: [1]\n',
      ),
    );
    expect(app).toEqual({
      name: 'a',
      image: { repository: 'x', tag: 'latest' },
      ports: [
        { internal: 53, external: 54, protocol: 'udp' },
        { internal: 80, external: 8080, protocol: 'tcp' },
      ],
      links: [{ alias: 'b', localPort: 80, remotePort: 81 }],
      environment: { A: '1', B: '$x' },
      volumes: [
        { id: defaultVolumeId('a:/logs'), mountpoint: '/logs' },
        { id: 'shop_data', name: 'data', mountpoint: '/data' },
        { id: 'shop_more', name: 'more', mountpoint: '/more' },
      ],
      command: ['sh', '-c', "exec 'a b'"],
      entrypoint: ['/init'],
      memoryLimitBytes: 1_610_612_736,
      cpuShares: 100,
      stopGraceMs: 90_000,
      restartPolicy: { name: 'on-failure', maximumRetryCount: 3 },
      dependsOn: [{ app: 'b', until: 'started' }],
    });
  });

  it.each([
    ['no', { name: 'never' }],
    ['"no"', { name: 'never' }],
    ['always', { name: 'always' }],
    ['unless-stopped', { name: 'unless-stopped' }],
    ['on-failure', { name: 'on-failure' }],
  ])('reads restart: %s', (text, wanted) => {
    expect(appOf(compose(`restart: ${text}`)).restartPolicy).toEqual(wanted);
    expect(appOf(compose(`restart: ${text}`)).staysDown).toBe(wanted.name === 'never' ? true : undefined);
  });

  it.each([
    ['ports: ["10.0.0.256:80:80"]', '"10.0.0.256" is not an IP address'],
    ['ports: ["eth0:80:80"]', '"eth0" is not an IP address'],
    ['ports: [{target: 80, published: 80, host_ip: db}]', '"db" is not an IP address'],
    ['ports: ["80:80", "127.0.0.1:80:80"]', 'is used twice'],
    ['restart: sometimes', 'is not a restart policy'],
    ['mem_limit: lots', 'is not a size'],
    ['depends_on: [c]', 'names the unknown service "c"'],
    ['depends_on: [a]', 'goes in a circle'],
    ['depends_on: {b: {condition: service_ready}}', 'the condition "service_ready" is not known'],
    ['command: "a \'b"', 'has a quote that is not closed'],
    ['command: "", entrypoint: []', 'nothing would run'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a Compose variable
    ['environment: {A: "${B:?needed}"}', 'a variable it needs is not set: B: needed'],
  ])('refuses %s', (fields, message) => {
    expect(complaints(compose(fields)).join('\n')).toContain(message);
  });

  it('names a circle of dependencies once, and takes long chains', () => {
    const circle =
      'services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [c]}, c: {image: x, depends_on: [a]}}';
    expect(complaints(load(circle))).toHaveLength(1);
    const chain = Array.from({ length: 5000 }, (_, n) => ` s${n}: {image: x, depends_on: [s${n + 1}]}`).join('\n');
    expect(complaints(load(`services:\n${chain}\n s5000: {image: x}`))).toEqual([]);
  });

  it('reports its form', () => expect(configOf(compose('')).format).toBe('compose'));
});

describe('splitting a command line', () => {
  it.each([
    ['a  b', ['a', 'b']],
    [`a "b c" 'd "e'`, ['a', 'b c', 'd "e']],
    ['a\\ b "\\"" ""', ['a b', '"', '']],
    ['"a"b\'c\'', ['abc']],
  ])('%s', (line, words) => expect(splitShellWords(line)).toEqual(words));
  it.each(['"a', "'a", 'a\\'])('%s stays open', (line) => expect(splitShellWords(line)).toBeUndefined());
});
