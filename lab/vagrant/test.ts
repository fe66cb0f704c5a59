/** Runs the project's Vagrantfile with real Vagrant and libvirt, deploys on its machines, and removes all of it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { $ } from 'zx';
import { progress } from '../../scripts/progress.mjs';
import { chooseQemuAccel } from '../accel.ts';
import { LabError } from '../errors.mjs';
import { ensureBase } from '../image.ts';
import { buildImages } from '../images.ts';
import { cacheRoot, LAB_DIR } from '../paths.mjs';
import { KERNEL_LINE } from '../qemu.ts';
import { ensureTools } from '../tools.ts';
import type { BuiltImage } from '../types.ts';
import { makeBox } from './box.ts';

const HELP = `Tests the Vagrantfile as its users run it.

  npm run vagrant-test              # 15 to 30 min where machines are emulated
  npm run vagrant-test -- --keep    # keeps its folder with all logs

Needs root on Debian; installs vagrant, vagrant-libvirt and libvirt-daemon-system where they are missing. It packs the
package, makes a box from the lab's base image, and runs \`vagrant up\` with the package's Vagrantfile and real libvirt.
drover then finds the machines, deploys the first part of the MongoDB tutorial on them and moves it; one machine reboots;
\`vagrant destroy\` ends it. libvirt and the machines run in a network, mount and process namespace of their own: the
libvirt, networks and firewall of this machine stay as they are, and the test removes everything it made.

Exit status: 0 passed, 1 failed, 64 wrong usage.
`;

const PACKAGES = {
  vagrant: 'vagrant',
  libvirtd: 'libvirt-daemon-system',
  virsh: 'libvirt-clients',
  dnsmasq: 'dnsmasq-base',
};

async function installMissing() {
  const present = await $({ quiet: true, nothrow: true })`dpkg-query --status vagrant-libvirt`;
  const missing = [
    ...(/^Status: install ok installed/m.test(present.stdout) ? [] : ['vagrant-libvirt']),
    ...Object.entries(PACKAGES).flatMap(([program, name]) =>
      [`/usr/bin/${program}`, `/usr/sbin/${program}`].some(existsSync) ? [] : [name],
    ),
  ];
  if (missing.length === 0) return;
  const stage = progress.stage(`installing ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // This test starts the daemons itself.
  const install = () => $({ env, quiet: true })`apt-get install -y --no-install-recommends ${missing}`;
  await install().catch(async () => {
    await $({ env, quiet: true })`apt-get update`;
    await install();
  });
  stage.done();
}

/** Unpacks the package as npm installs it, next to this project's packages. */
async function unpack(work: string): Promise<void> {
  const stage = progress.stage('packing drover');
  const project = dirname(LAB_DIR);
  await $({ quiet: true, cwd: project })`npm pack --silent --pack-destination ${work}`;
  const [tar = ''] = (await readdir(work)).filter((name) => name.endsWith('.tgz'));
  await $({ quiet: true })`tar -xzf ${join(work, tar)} -C ${work}`;
  await symlink(join(project, 'node_modules'), join(work, 'package', 'node_modules'));
  stage.done(tar);
}

/** Vagrant's own well-known key pair, as every public box trusts it until the first `up` replaces it. */
async function insecureKey(work: string): Promise<string> {
  const home = join(work, 'vagrant-home');
  await $({ quiet: true, cwd: work, env: { ...process.env, VAGRANT_HOME: home } })`vagrant box list`;
  return (await $({ quiet: true })`ssh-keygen -y -f ${join(home, 'insecure_private_key')}`).stdout;
}

/** A nodes file without nodes, because drover finds them: only the image that replaces the official one. */
const standIns = (images: readonly BuiltImage[]): string =>
  `version: 1\nimages:\n${images.map(({ ref }) => (ref.includes('mongodb') ? `  mongo: ${JSON.stringify(ref)}\n` : '')).join('')}`;

async function prepare(work: string): Promise<void> {
  const base = await ensureBase('tcg');
  const images = await buildImages();
  const { accel } = await chooseQemuAccel();
  await unpack(work);
  const stage = progress.stage('making a box from the lab base image');
  await makeBox(work, base, { kvm: accel === 'kvm', kernelLine: KERNEL_LINE, publicKey: await insecureKey(work) });
  stage.done();
  await writeFile(join(work, 'stand-ins.yml'), standIns(images));
  const mongo = images.find(({ ref }) => ref.includes('mongodb'));
  if (mongo === undefined) throw new LabError('The lab has no image for MongoDB.');
  const changes = (mongo.changes ?? []).flatMap((change) => ['--change', change]);
  await writeFile(join(work, 'import'), [mongo.ref, mongo.tar, ...changes].join('\n'));
}

/** Runs the test in namespaces that end, with every process in them, when this process does. Resolves to its exit status. */
function inside(work: string): Promise<number> {
  const words = [
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--mount-proc',
    '--kill-child=SIGKILL',
    '--propagation=private',
  ];
  const child = spawn('unshare', [...words, 'bash', join(LAB_DIR, 'vagrant', 'inside.sh'), work], { stdio: 'inherit' });
  // Ctrl-C reaches the child too, which cleans up; this process waits for it. unshare handles no other signal, and
  // everything inside ends with it; this process then removes the folder.
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGKILL'));
  process.on('SIGINT', () => {});
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Removes the folders of earlier tests that were killed. */
async function sweep(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = Number(await readFile(join(root, name, 'pid'), 'utf8').catch(() => '0'));
    if (pid > 0 && existsSync(`/proc/${pid}`)) continue;
    await rm(join(root, name), { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, keep: { type: 'boolean' } } });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const began = Date.now();
  await ensureTools();
  await installMissing();
  const root = join(cacheRoot(), 'vagrant-test');
  await mkdir(root, { recursive: true, mode: 0o755 });
  await sweep(root);
  const work = await mkdtemp(join(root, 'run-'));
  await writeFile(join(work, 'pid'), String(process.pid));
  try {
    await prepare(work);
    const code = await inside(work);
    process.stdout.write(`${code === 0 ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - began) / 1000)} s\n`);
    return code === 0 ? 0 : 1;
  } finally {
    if (values.keep) process.stdout.write(`kept: ${work}\n`);
    else {
      await rm(work, { recursive: true, force: true });
      process.stdout.write(`removed ${work}\n`);
    }
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    const usage = String(error.code).startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`${error instanceof LabError || usage ? error.message : (error.stack ?? error)}\n`);
    process.exitCode = usage ? 64 : 1;
  },
);
