/** The programs the lab needs, installed on Debian when they are missing. */
import { $, ProcessOutput } from 'zx';
import { progress } from '../scripts/progress.mjs';
import { LabError } from './errors.mjs';
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

/** Program -> Debian package that brings it. */
type Tools = Readonly<Record<string, string>>;

const packagesOf = (tools: Tools, programs: readonly string[]): readonly string[] => [
  ...new Set(programs.map((program) => tools[program] ?? program)),
];

export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * Words before a command that builds a tree: none for root; else a user namespace in which the user is root and has the
 * ids of /etc/subuid, so that the files of the tree keep their owners.
 */
export const asRoot = (): readonly string[] =>
  isRoot() ? [] : ['unshare', '--user', '--map-root-user', '--map-auto', '--mount', '--propagation', 'private', '--'];

/** Throws LabError with the packages to install. */
function refuseMissing(missing: readonly string[], tools: Tools, what: string): never {
  const packages = packagesOf(tools, missing);
  throw new LabError(
    `${what} needs ${missing.join(', ')}; install ${packages.length === 1 ? 'it' : 'them'} first: \`sudo apt install ${packages.join(' ')}\`.`,
    { code: 69 },
  );
}

/** Installs the packages of the programs that are missing; `what` names in an error what needs them. Throws LabError. */
async function ensurePrograms(
  tools: Tools,
  what: string,
  { rootless, extra = [] }: { readonly rootless: boolean; readonly extra?: readonly string[] },
): Promise<void> {
  const missing = missingTools(process.env, tools);
  if (missing.length === 0) return;
  if (rootless || !isRoot() || !isDebianFamily()) refuseMissing(missing, tools, what);
  await install([...packagesOf(tools, missing), ...extra]);
}

/** The last line that a failed program wrote to its standard error, or the message of another error. */
export function lastErrorLine(error: unknown): string {
  const text = error instanceof ProcessOutput ? error.stderr || error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}

async function install(packages: readonly string[]): Promise<void> {
  const stage = progress.stage(`installing ${packages.join(', ')}`, { expectedMs: PACKAGES_MS });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...words: readonly string[]) => {
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
    throw new LabError(
      `apt-get could not install ${packages.join(', ')} (${lastErrorLine(error)}); install them by hand and run this again.`,
    );
  }
}

/** Without root the lab installs nothing: the error lists what is missing. */
async function ensureRootless() {
  const support = rootlessSupport();
  if (!support.ok) throw new LabError(support.reason, { code: 69 });
  const old = oldQemu((await $({ quiet: true })`qemu-system-x86_64 --version`).stdout.split('\n')[0] ?? '');
  if (old) throw new LabError(old, { code: 69 });
}

/** Installs what every lab needs. Throws LabError where this machine cannot have it. */
export async function ensureTools({ rootless = false } = {}) {
  if (rootless) return ensureRootless();
  const support = labSupport();
  if (!support.ok) throw new LabError(support.reason, { code: 69 });
  await ensurePrograms(TOOLS, 'The lab', { rootless, extra: EXTRA_PACKAGES });
}

/** Installs what KVM and emulation need. Throws LabError. */
export const ensureQemu = ({ rootless = false } = {}) => ensurePrograms(QEMU_TOOLS, 'QEMU', { rootless });

/** Installs what builds the kernel of User-Mode Linux. Throws LabError. */
export const ensureKernelTools = ({ rootless = false } = {}) =>
  ensurePrograms(KERNEL_TOOLS, 'Building the kernel', { rootless });
