/** A Debian mirror of some dozens of packages, as files, for the apt of a plain machine. */
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError } from '../errors.mjs';
import { SUITE } from '../paths.mjs';
import type { Base } from '../types.ts';

/**
 * Packs the modules of the lab's own image as a package that provides `zfs-modules`: compiling them takes most of an hour
 * in an emulated machine. Throws LabError where they are for another kernel.
 */
async function packModules(base: Base, wantedKernel: string, to: string): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'drover-zfs-modules-'));
  try {
    const listing = (await $({ quiet: true })`debugfs -R ${'ls -p /usr/lib/modules'} ${base.disk}`).stdout;
    const kernel = listing
      .split('\n')
      .map((line) => line.split('/')[5])
      .find((name) => /^\d/.test(name ?? ''));
    if (kernel !== wantedKernel) {
      throw new LabError(
        `The lab's image has the kernel ${kernel}, and Debian now has ${wantedKernel}; \`npm run lab -- destroy --cache\` removes the image, and the next run builds it again.`,
      );
    }
    const modules = `/usr/lib/modules/${kernel}`;
    await mkdir(join(tree, modules), { recursive: true });
    await $({ quiet: true })`debugfs -R ${`rdump ${modules}/updates ${join(tree, modules)}`} ${base.disk}`;
    const status = join(tree, 'status');
    await $({ quiet: true })`debugfs -R ${`dump /var/lib/dpkg/status ${status}`} ${base.disk}`;
    const version = /^Package: zfs-dkms\n(?:.+\n)*?Version: (.+)$/m.exec(await readFile(status, 'utf8'))?.[1];
    await rm(status);
    await mkdir(join(tree, 'DEBIAN'));
    await writeFile(
      join(tree, 'DEBIAN', 'control'),
      `Package: zfs-modules-${kernel}
Version: ${version}
Architecture: amd64
Section: contrib/kernel
Priority: optional
Maintainer: the lab of drover <lab@localhost>
Depends: kmod
Provides: zfs-modules
Description: OpenZFS modules for Linux ${kernel}, built beforehand
`,
    );
    const after = `#!/bin/sh\nset -e\ndepmod ${kernel}\n`;
    await writeFile(join(tree, 'DEBIAN', 'postinst'), after);
    await chmod(join(tree, 'DEBIAN', 'postinst'), 0o755);
    await $({ quiet: true })`chmod -R go+rX ${tree}`;
    await $({ quiet: true })`dpkg-deb --root-owner-group -Zxz -z1 --build ${tree} ${to}/`;
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** The entry of a package in the mirror's list. */
async function describe(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const control = (await $({ quiet: true })`dpkg-deb -f ${path}`).stdout.trimEnd();
  const content = await readFile(path);
  const hash = createHash('sha256').update(content).digest('hex');
  return `${control}\nFilename: pool/${name}\nSize: ${content.length}\nSHA256: ${hash}\n`;
}

interface Mirror {
  /** The folder with the package files; they are moved. */
  readonly packages: string;
  readonly to: string;
  readonly base: Base;
  /** The version of the plain machines' kernel. */
  readonly kernel: string;
}

/** Makes `dists/` and `pool/` below `to`, with each package in the component of its section. */
export async function makeMirror({ packages, to, base, kernel }: Mirror): Promise<void> {
  const pool = join(to, 'debian', 'pool');
  await mkdir(pool, { recursive: true });
  await packModules(base, kernel, packages);
  const entries: Record<'main' | 'contrib', string[]> = { main: [], contrib: [] };
  for (const name of (await readdir(packages)).filter((each) => each.endsWith('.deb')).sort()) {
    // apt writes the colon of an epoch as %3a, which a web server would decode.
    const plainName = name.replaceAll('%3a', '_');
    await rename(join(packages, name), join(pool, plainName));
    const entry = await describe(pool, plainName);
    entries[/^Section: contrib\//m.test(entry) ? 'contrib' : 'main'].push(entry);
  }
  const release: string[] = [];
  for (const [component, list] of Object.entries(entries)) {
    const path = `${component}/binary-amd64/Packages`;
    const text = list.join('\n');
    await mkdir(join(to, 'debian', 'dists', SUITE, component, 'binary-amd64'), { recursive: true });
    await writeFile(join(to, 'debian', 'dists', SUITE, path), text);
    release.push(` ${createHash('sha256').update(text).digest('hex')} ${Buffer.byteLength(text)} ${path}`);
  }
  await writeFile(
    join(to, 'debian', 'dists', SUITE, 'Release'),
    `Origin: Debian\nSuite: ${SUITE}\nCodename: ${SUITE}\nArchitectures: amd64\nComponents: main contrib\nSHA256:\n${release.join('\n')}\n`,
  );
}
