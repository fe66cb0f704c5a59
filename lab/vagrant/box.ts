/** Makes a Vagrant box for libvirt from the lab's base image: like a public box, without the download. */
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError } from '../errors.mjs';
import type { Base } from '../types.ts';

const USER = { name: 'vagrant', id: 1900 };

const NETWORK = '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n[DHCPv4]\nClientIdentifier=mac\n';
const HOST_KEYS = `[Unit]
Description=Make the ssh host keys of this machine
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
Before=ssh.service
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=multi-user.target
`;

const run = $({ quiet: true, stdio: ['ignore', 'pipe', 'pipe'] });

interface FileInImage {
  readonly path: string;
  readonly text: string;
  /** Octal digits. */
  readonly mode: string;
  readonly owner?: number;
}

/** Lines for debugfs(8) that write a file into the image. They need no mount. */
async function fileLines(scratch: string, { path, text, mode, owner = 0 }: FileInImage): Promise<readonly string[]> {
  const source = join(scratch, path.replaceAll('/', '_'));
  await writeFile(source, text);
  const field = (name: string, value: string | number): string => `set_inode_field ${path} ${name} ${value}`;
  return [
    `rm ${path}`,
    `write ${source} ${path}`,
    field('mode', `0100${mode}`),
    field('uid', owner),
    field('gid', owner),
  ];
}

const folderLines = (path: string, mode: string, owner: number): readonly string[] => [
  `mkdir ${path}`,
  `set_inode_field ${path} mode 040${mode}`,
  `set_inode_field ${path} uid ${owner}`,
  `set_inode_field ${path} gid ${owner}`,
];

const textOf = async (disk: string, path: string): Promise<string> =>
  (await run`debugfs -R ${`cat ${path}`} ${disk}`).stdout;

/** Makes a base disk a Vagrant machine: the user `vagrant` with Vagrant's own key, DHCP, new host keys. Throws LabError. */
async function alter(disk: string, scratch: string, publicKey: string): Promise<void> {
  const { name, id } = USER;
  const home = `/home/${name}`;
  const append = async (path: string, line: string, mode: string): Promise<readonly string[]> =>
    fileLines(scratch, { path, text: `${(await textOf(disk, path)).trimEnd()}\n${line}\n`, mode });
  const unit = '/etc/systemd/system/box-host-keys.service';
  const lines = [
    ...(await append('/etc/passwd', `${name}:x:${id}:${id}::${home}:/bin/bash`, '644')),
    ...(await append('/etc/group', `${name}:x:${id}:`, '644')),
    ...(await append('/etc/shadow', `${name}:*:19000:0:99999:7:::`, '640')),
    ...folderLines(home, '755', id),
    ...folderLines(`${home}/.ssh`, '700', id),
    ...(await fileLines(scratch, { path: `${home}/.ssh/authorized_keys`, text: publicKey, mode: '600', owner: id })),
    ...(await fileLines(scratch, {
      path: '/etc/sudoers.d/vagrant',
      text: `${name} ALL=(ALL) NOPASSWD:ALL\n`,
      mode: '440',
    })),
    ...(await fileLines(scratch, { path: '/etc/systemd/network/05-dhcp.network', text: NETWORK, mode: '644' })),
    ...(await fileLines(scratch, { path: unit, text: HOST_KEYS, mode: '644' })),
    `symlink /etc/systemd/system/multi-user.target.wants/box-host-keys.service ${unit}`,
  ];
  const script = join(scratch, 'debugfs');
  await writeFile(script, `${lines.join('\n')}\n`);
  await run`debugfs -w -f ${script} ${disk}`;
  // debugfs exits with 0 also where it failed, so its last changes are checked.
  if (!(await textOf(disk, '/etc/passwd')).includes(home) || (await textOf(disk, unit)) !== HOST_KEYS) {
    throw new LabError('cannot make the box: debugfs did not change the base image.');
  }
  await $({ quiet: true, nothrow: true })`e2fsck -fp ${disk}`;
}

/** Vagrant merges this into the project's own Vagrantfile, which therefore does not mention tests. */
const vagrantfile = (dir: string, kvm: boolean, kernelLine: string): string => `Vagrant.configure("2") do |config|
  config.vm.boot_timeout = 2400
  config.vm.provider "libvirt" do |libvirt|
    libvirt.driver = "${kvm ? 'kvm' : 'qemu'}"
    libvirt.cpu_mode = "${kvm ? 'host-passthrough' : 'maximum'}"
    libvirt.kernel = "${join(dir, 'vmlinuz')}"
    libvirt.initrd = "${join(dir, 'initrd.img')}"
    libvirt.cmd_line = "${kernelLine}"
    libvirt.graphics_type = "none"
    libvirt.video_type = "none"
  end
end
`;

interface BoxOptions {
  readonly kvm: boolean;
  readonly kernelLine: string;
  /** The key that the user `vagrant` accepts. */
  readonly publicKey: string;
}

/** Writes `work/drover-test.box` and the kernel that it starts; resolves to the path of the box. Throws LabError. */
export async function makeBox(work: string, base: Base, { kvm, kernelLine, publicKey }: BoxOptions): Promise<string> {
  const dir = join(work, 'box');
  const scratch = join(work, 'scratch');
  const disk = join(work, 'disk.raw');
  for (const folder of [dir, scratch]) await mkdir(folder, { recursive: true });
  await run`cp --sparse=always --reflink=auto ${base.disk} ${disk}`;
  await alter(disk, scratch, publicKey);
  await run`qemu-img convert -f raw -O qcow2 ${disk} ${join(dir, 'box.img')}`;
  await rm(disk);
  await copyFile(base.kernel, join(work, 'vmlinuz'));
  await copyFile(base.initrd, join(work, 'initrd.img'));
  await writeFile(
    join(dir, 'metadata.json'),
    JSON.stringify({ provider: 'libvirt', format: 'qcow2', virtual_size: 8 }),
  );
  await writeFile(join(dir, 'Vagrantfile'), vagrantfile(work, kvm, kernelLine));
  const box = join(work, 'drover-test.box');
  await run`tar -C ${dir} -cf ${box} ${await readdir(dir)}`;
  await rm(dir, { recursive: true });
  return box;
}
