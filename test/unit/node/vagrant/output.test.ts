import { describe, expect, it } from 'vitest';
import {
  describeMachines,
  foldersOf,
  isOurAddress,
  machinesOf,
  parseFacts,
  parseVagrantHosts,
} from '../../../../src/node/vagrant/output.ts';

/** As Vagrant 2.3.4 with vagrant-libvirt writes it, shortened. */
const index = JSON.stringify({
  version: 1,
  machines: {
    b1: {
      local_data_path: '/p/.vagrant',
      name: 'node2',
      provider: 'libvirt',
      state: 'shutoff',
      vagrantfile_path: '/p',
    },
    a1: {
      local_data_path: '/p/.vagrant',
      name: 'node1',
      provider: 'libvirt',
      state: 'running',
      vagrantfile_path: '/p',
    },
    c1: {
      local_data_path: '/q/.vagrant',
      name: 'web',
      provider: 'virtualbox',
      state: 'running',
      vagrantfile_path: '/q',
    },
  },
});

const sshConfig = `==> vagrant: A new version of Vagrant is available: 2.4.9!
Host node1
  HostName 127.0.0.1
  User vagrant
  Port 2222
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile "/p with space/.vagrant/machines/node1/virtualbox/private_key"
  IdentityFile /other
  IdentitiesOnly yes
  LogLevel FATAL

Host node2
  HostName 192.168.121.7
  User admin
  Port 22
`;

const ed25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIO4Nm9Q3Jk8mFJm1dLq0nZ0yJq7uLxQG7o4n3vY2y1aB';

describe("Vagrant's index", () => {
  it('has the machines of that folder, sorted by name', () => {
    expect(machinesOf(index, ['/p'])).toEqual([
      { name: 'node1', provider: 'libvirt', state: 'running', dataPath: '/p/.vagrant' },
      { name: 'node2', provider: 'libvirt', state: 'shutoff', dataPath: '/p/.vagrant' },
    ]);
    expect(machinesOf(index, ['/p/tutorials'])).toEqual([]);
    expect(foldersOf(index)).toEqual(['/p', '/q']);
  });

  it.each(['', '{', '[]', 'null', '{"machines":{"a":null,"b":{"vagrantfile_path":"/p","name":7}}}'])(
    'has no machines where it is not an index: %s',
    (text) => expect(machinesOf(text, ['/p'])).toEqual([]),
  );
});

describe('the output of vagrant ssh-config', () => {
  it('gives user and first key of each machine, whatever is printed around it', () => {
    expect(parseVagrantHosts(sshConfig)).toEqual([
      { name: 'node1', user: 'vagrant', identityFile: '/p with space/.vagrant/machines/node1/virtualbox/private_key' },
      { name: 'node2', user: 'admin' },
    ]);
  });

  it('may have ends of line as on Windows', () => {
    expect(parseVagrantHosts(sshConfig.replaceAll('\n', '\r\n'))).toEqual(parseVagrantHosts(sshConfig));
  });

  it('may be empty', () => expect(parseVagrantHosts('')).toEqual([]));
});

describe('what a machine reports about itself', () => {
  it('is its host keys and its addresses', () => {
    const facts = parseFacts(`==> node1: a notice with 10.9.9.9 in it
ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= root@node1
ssh-ed25519 ${ed25519} root@node1\r
10.0.2.15 172.16.255.250 172.17.0.1 fd17:625c::1 \r
`);
    expect(facts).toEqual({
      hostKeys: ['ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=', `ssh-ed25519 ${ed25519}`],
      addresses: ['10.0.2.15', '172.16.255.250', '172.17.0.1', 'fd17:625c::1'],
    });
    expect(facts.addresses.filter(isOurAddress)).toEqual(['172.16.255.250']);
  });

  it('may be nothing', () => expect(parseFacts('\n')).toEqual({ hostKeys: [], addresses: [] }));
});

describe('the inventory made from it', () => {
  it('names the private address, the user, the key, and a known_hosts file of its own with every host key', () => {
    const { inventory, knownHosts } = describeMachines(
      [
        {
          name: 'node1',
          address: '172.16.255.250',
          user: 'vagrant',
          identityFile: '/p: "q"/key',
          hostKeys: [`ssh-ed25519 ${ed25519}`, 'ssh-rsa AAAAB3'],
        },
      ],
      '/s/known_hosts',
    );
    expect(inventory).toBe(`# Written by drover from \`vagrant ssh-config\`.
version: 1
nodes:
  "172.16.255.250": {"name":"node1","host":"172.16.255.250","port":22,"user":"vagrant","identityFile":"/p: \\"q\\"/key","knownHostsFile":"/s/known_hosts"}
`);
    expect(knownHosts).toBe(`172.16.255.250 ssh-ed25519 ${ed25519}\n172.16.255.250 ssh-rsa AAAAB3\n`);
  });
});
