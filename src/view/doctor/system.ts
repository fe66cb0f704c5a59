import { printCommand } from '../../model/command-line.ts';
import type { Examination, ProvisionStep, SystemReading } from '../../model/examination.ts';
import { formatDuration } from '../wording.ts';
import { type Finding, findingsOf, type Patient, poolOf, some } from './finding.ts';

const CLOCK_WARNING_MS = 1_000;
const CLOCK_FAULT_MS = 30_000;
/** A move runs commands in parallel; with fewer sessions some of them fail even after retries. */
const FEWEST_SESSIONS = 4;
/** The number of sessions that drover opens at once. */
const ENOUGH_SESSIONS = 8;

/** Findings about the node itself: sessions, clock, versions, provisioning, and what could not be tried. */
export function systemFindings(patient: Patient, it: Examination, provisionPath?: string): readonly Finding[] {
  return [
    ...failures(patient, it),
    ...sessions(patient, it),
    ...clock(patient, it),
    ...(it.system === undefined ? [] : [...zfsVersion(patient, it.system), ...docker(patient, it.system)]),
    ...(it.provision === undefined ? [] : provisioning(patient, it.provision, provisionPath)),
  ];
}

/** The observation reports a failed connection; everything else is unknown then, and counts as a fault. */
function failures({ warning, shell }: Patient, { failures: failed }: Examination): readonly Finding[] {
  return failed
    .filter(({ part }) => part !== 'connection')
    .map(({ error }) => warning('examination', `not known: ${error.message}`, shell.run('uptime')));
}

function sessions({ ok, finding, shell }: Patient, { sessions: tried }: Examination): readonly Finding[] {
  if (tried === undefined) return [];
  const { asked, granted } = tried;
  const check = 'sessions';
  if (granted >= Math.min(asked, ENOUGH_SESSIONS)) return [ok(check, `sshd grants ${granted} sessions at once`)];
  // The default is 10; another value means that the file has a line to change.
  const files = '/etc/ssh/sshd_config $(ls /etc/ssh/sshd_config.d/*.conf 2>/dev/null)';
  const set = `sed -i 's/^[[:space:]]*MaxSessions.*/MaxSessions 20/I' ${files}`;
  const command = shell.script(`${set} && systemctl reload ssh || systemctl reload sshd`);
  const text = `sshd grants ${granted} of ${asked} sessions at once (MaxSessions): commands of a move wait, and may fail`;
  return [finding(granted < FEWEST_SESSIONS ? 'fault' : 'warning', check, text, command)];
}

function clock({ ok, finding, shell }: Patient, { clock: reading, system }: Examination): readonly Finding[] {
  if (reading === undefined) return [];
  const check = 'clock';
  const { offsetMs, uncertaintyMs } = reading;
  const certain = Math.abs(offsetMs) - uncertaintyMs;
  const keepers = system?.timeKeepers ?? [];
  const kept = keepers.length === 0 ? 'nothing sets it (no chrony, no systemd-timesyncd)' : `${keepers[0]} runs`;
  if (certain <= CLOCK_WARNING_MS) {
    const text = `within ${formatDuration(Math.abs(offsetMs) + uncertaintyMs)} of this machine's; ${kept}`;
    return [ok(check, text)];
  }
  const where = offsetMs > 0 ? 'ahead of' : 'behind';
  const text = `${formatDuration(Math.abs(offsetMs))} ${where} this machine's: logs, certificates and ages are wrong; ${kept}`;
  // This machine's time is read after the login, which may take a while.
  const command = `(sleep 5; date +%s.%N) | ${shell.script('read -r t && date -u -s "@$t"')}`;
  return [finding(certain > CLOCK_FAULT_MS ? 'fault' : 'warning', check, text, command)];
}

/** Where the nodes agree with each other and this machine with none of them, it is this machine that is wrong. */
export function clockOfThisMachine(examinations: readonly Examination[]): readonly Finding[] {
  const { ok, warning, finding } = findingsOf();
  const clocks = examinations.flatMap(({ clock: reading }) => (reading === undefined ? [] : [reading]));
  const offsets = clocks.map(({ offsetMs }) => offsetMs);
  const [least, most] = [Math.min(...offsets), Math.max(...offsets)];
  const exact = clocks.reduce((sum, { uncertaintyMs }) => sum + uncertaintyMs, CLOCK_WARNING_MS);
  const check = 'clocks';
  if (clocks.length < 2) return [];
  if (most - least > exact) {
    const text = `the nodes' clocks differ by ${formatDuration(most - least)}`;
    const result = most - least > CLOCK_FAULT_MS ? 'fault' : 'warning';
    return [finding(result, check, text, 'drover doctor --json')];
  }
  if (least <= exact && most >= -exact) {
    return [ok(check, `the nodes' clocks are within ${formatDuration(most - least)} of each other`)];
  }
  const text = `the nodes agree, and this machine's clock is ${formatDuration(Math.abs(least))} ${least > 0 ? 'behind' : 'ahead of'} theirs`;
  return [warning(check, text, 'sudo timedatectl set-ntp true')];
}

/** 2.2.0 and 2.2.1: block cloning corrupts files (#15526); before 2.1.5 received streams could be garbled (#12762). */
function zfsVersion({ fault, warning, ok, shell }: Patient, { zfs }: SystemReading): readonly Finding[] {
  const check = 'zfs';
  const upgrade = shell.script('apt-get update && apt-get install -y zfsutils-linux');
  const { userland, module } = zfs;
  const found: Finding[] = [];
  const [major = 0, minor = 0, patch = 0] = (module ?? '').split(/[.-]/).map(Number);
  const number = major * 10_000 + minor * 100 + patch;
  if (module === undefined) {
    found.push(fault(check, 'the zfs module is not loaded', shell.run('modprobe', 'zfs')));
  } else if (number === 20_200 || number === 20_201) {
    const text = `OpenZFS ${module} can corrupt files that are copied (block cloning, openzfs #15526)`;
    found.push(fault(check, text, upgrade));
  } else if (number < 20_105) {
    const text = `OpenZFS ${module} is older than 2.1.5: received streams could be garbled (openzfs #12762)`;
    found.push(warning(check, text, upgrade));
  }
  if (module !== undefined && userland !== undefined && bare(userland) !== bare(module)) {
    const text = `the module is ${module} and the tools are ${userland}: restart after an upgrade`;
    found.push(warning(check, text, shell.run('systemctl', 'reboot')));
  }
  return found.length > 0 ? found : [ok(check, `OpenZFS ${module}, module and tools alike`)];
}

/** `2.2.7` of `2.2.7-1~bpo12+1`: packagers count their own changes of either. */
const bare = (version: string): string => version.split('-')[0] ?? version;

function docker({ fault, ok, finding, shell }: Patient, system: SystemReading): readonly Finding[] {
  const check = 'docker';
  if (system.docker === undefined) {
    return [fault(check, 'Docker does not answer', shell.run('systemctl', 'start', 'docker'))];
  }
  const { api, minApi, fit } = system.docker;
  if (fit === 'well') return [ok(check, `its API is ${api}`)];
  const text =
    fit === 'too old'
      ? `its API is ${api}; drover needs 1.41 (Docker 20.10)`
      : `its oldest API is ${minApi}, newer than what drover was written for`;
  const command =
    fit === 'too old' ? shell.script('apt-get update && apt-get install -y docker.io') : 'npm install -g drover@latest';
  return [finding(fit === 'too old' ? 'fault' : 'warning', check, text, command)];
}

/** What `provision.sh --check` would do is what the node lacks; the same script does it. */
function provisioning(patient: Patient, steps: readonly ProvisionStep[], path?: string): readonly Finding[] {
  const { warning, ok, fault, shell, root } = patient;
  const check = 'provision';
  const command = `${shell.run('bash', '-s', '--', '--pool-name', poolOf(root), '--root', root)} < ${printCommand([path ?? 'host/provision.sh'])}`;
  const open = steps.filter(({ state }) => state !== 'done');
  if (steps.length === 0) {
    return [warning(check, 'not known: provision.sh --check said nothing', command)];
  }
  const cannot = open.find(({ state }) => state === 'cannot');
  if (cannot !== undefined) {
    const text = `cannot say what is missing: ${`${cannot.step} ${cannot.detail ?? ''}`.trim()}`;
    return [warning(check, text, command)];
  }
  if (open.length === 0) {
    return [ok(check, `all ${steps.length} steps of provision.sh are done`)];
  }
  const missing = some(open.map(({ step }) => step));
  return [fault(check, `not as provision.sh makes a node: ${missing}`, command)];
}
