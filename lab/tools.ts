/** The programs the lab needs, installed on Debian when they are missing. */
import { $ } from 'zx';
import { LabError } from './errors.mjs';
import { progress } from './progress.mjs';
import {
  EXTRA_PACKAGES,
  isDebianFamily,
  KERNEL_TOOLS,
  labSupport,
  missingTools,
  oldQemu,
  QEMU_TOOLS,
  rootlessSupport,
  TOOLS,
} from './support.mjs';

const PACKAGES_MS = 60_000;

/**
 * Words before a command that builds a tree: nothing for root; else a user namespace in which the user is root and has
 * the ids of /etc/subuid, so that every owner in the tree can be told.
 */
export const asRoot = () =>
  process.getuid() === 0
    ? []
    : ['unshare', '--user', '--map-root-user', '--map-auto', '--mount', '--propagation', 'private', '--'];

/** Throws LabError where something is missing and root is not there to install it. */
function refuseMissing(missing, tools, what) {
  const packages = [...new Set(missing.map((tool) => tools[tool]))];
  throw new LabError(
    `${what} needs ${missing.join(', ')}; install ${packages.length === 1 ? 'it' : 'them'} first: \`sudo apt install ${packages.join(' ')}\`.`,
    { code: 69 },
  );
}

/** Installs the packages of `tools` (program -> package) that are missing; `what` names who needs them in an error. */
async function ensurePrograms(tools, what, { rootless, extra = [] }) {
  const missing = missingTools(process.env, tools);
  if (missing.length === 0) return;
  if (rootless || process.getuid() !== 0 || !isDebianFamily()) refuseMissing(missing, tools, what);
  await install([...new Set([...missing.map((tool) => tools[tool]), ...extra])]);
}

async function install(packages) {
  const stage = progress.stage(`installing ${packages.join(', ')}`, { expectedMs: PACKAGES_MS });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...words) => {
    const work = $({ env, quiet: true })`apt-get -o DPkg::Lock::Timeout=300 ${words}`;
    work.stdout.on('data', (chunk) => stage.update(String(chunk).trim().split('\n').at(-1)));
    return work;
  };
  const words = ['install', '-y', '--no-install-recommends', ...packages];
  try {
    await aptGet(...words).catch(async () => {
      stage.update('reading the package lists');
      await aptGet('update');
      await aptGet(...words);
    });
    stage.done();
  } catch (error) {
    stage.fail();
    const why = String(error.stderr ?? error.message)
      .trim()
      .split('\n')
      .at(-1);
    throw new LabError(
      `apt-get could not install ${packages.join(', ')} (${why}); install them by hand and run this again.`,
    );
  }
}

/** Without root nothing is installed: the error says what is missing. */
async function ensureRootless() {
  const support = rootlessSupport();
  if (!support.ok) throw new LabError(support.reason, { code: 69 });
  const old = oldQemu((await $({ quiet: true })`qemu-system-x86_64 --version`).stdout.split('\n')[0]);
  if (old) throw new LabError(old, { code: 69 });
}

/** What every lab needs. Throws LabError where this machine cannot have it. */
export async function ensureTools({ rootless = false } = {}) {
  if (rootless) return ensureRootless();
  const support = labSupport();
  if (!support.ok) throw new LabError(support.reason, { code: 69 });
  await ensurePrograms(TOOLS, 'The lab', { rootless, extra: EXTRA_PACKAGES });
}

/** What KVM and emulation need. */
export const ensureQemu = ({ rootless = false } = {}) => ensurePrograms(QEMU_TOOLS, 'QEMU', { rootless });

/** What builds the kernel of User-Mode Linux. */
export const ensureKernelTools = ({ rootless = false } = {}) =>
  ensurePrograms(KERNEL_TOOLS, 'Building the kernel', { rootless });
