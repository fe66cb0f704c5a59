import { describe, expect, it } from 'vitest';
import { complaints, configOf, load } from './loading.ts';

const native = (ports: string) => `version: 1\napplications:\n  db: {image: a, ports: ${ports}}\n`;
const placed = 'version: 1\nnodes: {n1: [db]}';
const portsOf = (application: string) => configOf(load(application, placed)).applications.db?.ports;

describe('"listen" of drover.yml', () => {
  it('is read for all nodes and for one', () => {
    const config = configOf(
      load(
        native('[]'),
        placed,
        'listen: [mesh, 10.0.0.0/24, "2001:db8::/32", eth1]\nnodes: {n1: {listen: [10.0.0.5]}}',
      ),
    );
    expect(config.settings.listen).toEqual(['mesh', '10.0.0.0/24', '2001:db8::/32', 'eth1']);
    expect(config.nodes.n1?.listen).toEqual(['10.0.0.5']);
  });

  it.each([
    ['listen: eth0', '"listen" must be a list, not the text "eth0"'],
    ['listen: []', '"listen" must not be empty'],
    ['listen: [10.0.0.0/33]', '"10.0.0.0/33" is not a network'],
    ['listen: [10.0.0.256]', '"10.0.0.256" is neither an address nor a network nor an interface'],
    ['listen: [localhost]', '"localhost" is neither an address'],
    ['listen: [0.0.0.0]', 'stands for every address, which is the default'],
    ['listen: ["eth0; reboot"]', 'is neither an address'],
    ['listen: [7]', 'an entry of "listen" must be a string'],
    ['nodes: {n1: {listen: ["::"]}}', 'stands for every address'],
  ])('refuses %s', (drover, message) => {
    expect(complaints(load(native('[]'), placed, drover)).join('\n')).toContain(message);
  });
});

describe('an address at a port', () => {
  const at = (...addresses: readonly string[]) => [{ internal: 5432, external: 5432, protocol: 'tcp', addresses }];

  it('is read in the native form and in Compose’s short and long ones', () => {
    const compose = (ports: string) => `services:\n  db: {image: a, ports: ${ports}}\n`;
    expect(portsOf(native('[{internal: 5432, external: 5432, address: 127.0.0.1}]'))).toEqual(at('127.0.0.1'));
    const local = (...addresses: readonly string[]) => at(...addresses).map((port) => ({ ...port, isLocal: true }));
    expect(portsOf(compose('["127.0.0.1:5432:5432"]'))).toEqual(local('127.0.0.1'));
    expect(portsOf(compose('["[0:0::1]:5432:5432"]'))).toEqual(local('::1'));
    expect(portsOf(compose('[{target: 5432, published: "5432", host_ip: 127.0.0.1}]'))).toEqual(local('127.0.0.1'));
    expect(portsOf(compose('["10.0.0.5:5432:5432", "127.0.0.1:5432:5432"]'))).toEqual(local('10.0.0.5', '127.0.0.1'));
  });

  it('is an address of the node', () => {
    const said = complaints(load(native('[{internal: 1, external: 1, address: db.example.org}]'), placed)).join('\n');
    expect(said).toContain('"db.example.org" is not an IP address at which a port can be published');
  });
});
