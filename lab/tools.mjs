/** The programs the lab needs, installed on Debian when they are missing. */
import { $ } from 'zx';
import { LabError } from './errors.mjs';
import { progress } from './progress.mjs';
import {
  EXTRA_PACKAGES,
  isDebianFamily,
  labSupport,
  missingTools,
  oldQemu,
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

/** Without root nothing is installed; what is missing is said. */
async function ensureRootless() {
  const support = rootlessSupport();
  if (!support.ok) throw new LabError(support.reason, { code: 69 });
  const old = oldQemu((await $({ quiet: true })`qemu-system-x86_64 --version`).stdout.split('\n')[0]);
  if (old) throw new LabError(old, { code: 69 });
}

export async function ensureTools({ rootless = false } = {}) {
  if (rootless) return ensureRootless();
  const support = labSupport();
  if (!support.ok) throw new LabError(support.reason, { code: 69 });
  const missing = missingTools();
  if (missing.length === 0) return;
  if (!isDebianFamily()) throw new LabError(`Install these first: ${missing.join(', ')}.`);
  const packages = [...new Set([...missing.map((tool) => TOOLS[tool]), ...EXTRA_PACKAGES])];
  const stage = progress.stage(`installing ${packages.join(', ')}`, { expectedMs: PACKAGES_MS });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => {
    const work = $({ env, quiet: true })`apt-get install -y --no-install-recommends ${packages}`;
    work.stdout.on('data', (chunk) => stage.update(String(chunk).trim().split('\n').at(-1)));
    return work;
  };
  try {
    await install().catch(async () => {
      stage.update('reading the package lists');
      await $({ env, quiet: true })`apt-get update`;
      await install();
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
