import type { StandbyControl } from '../engine/node-client.ts';
import { SealedContent } from '../model/container/sealed-content.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import { parseSnapshotName } from '../model/names.ts';
import { plainText } from '../model/plain-text.ts';
import { printRetention, readRetention } from '../model/standby/declared.ts';
import {
  type StandbyAccept,
  type StandbyFacts,
  type StandbyRules,
  type StandbySend,
  type StandbySnapshot,
  standbyLeaf,
} from '../model/standby/facts.ts';
import {
  isAddress,
  isApplicationName,
  isDeploymentName,
  isNodeId,
  isVolumeId,
  isZfsNumber,
} from '../model/untrusted.ts';
import { saveFunction } from './command.ts';
import { type Fence, guard } from './fence.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { exits, prelude } from './zfs/scripts.ts';

/** The program in host/provision.sh, and the mark of the version that this code knows. */
const program = '/usr/local/lib/drover/standby';
const isReady = `[ -x ${program} ] && grep -qx '# standby 1' ${program}`;

/**
 * Prints what the node knows of standbys: `ready` where it is set up for them, its clock, its rules, and a line for each
 * state that its rounds have left.
 */
export const readStandbyCommand = `if ${isReady}; then
  printf 'ready\\t%s\\n' "\${EPOCHREALTIME-}"
  [ ! -f /run/drover/standby.unarmed ] || echo unarmed
  [ ! -f /etc/drover/standby ] || printf '%s\\n' "$(</etc/drover/standby)"
  for file in /var/lib/drover/standby/sent/*/* /var/lib/drover/standby/received/*; do
    [ -f "$file" ] || continue
    IFS= read -r line <"$file" || continue
    place=\${file#/var/lib/drover/standby/}
    printf '%s\\t%s\\n' "\${place//\\//$'\\t'}" "$line"
  done
fi; true`;

/** RULES: replaces the file and starts or stops the timers. The file has programs of applications: only root reads it. */
export const setScript = `${prelude}
${isReady} || exit ${exits.noRoot}
umask 077
${saveFunction}
printf '%s' "$1" | save /etc/drover/standby 600 && ${program} arm
`;

/** FENCE LEAF: ends the rounds and streams of a volume, until the run whose lock has this token has ended. */
export const pauseScript = `${prelude}
fence=$1
${isReady} || exit 0
${guard}exec 8>&-
${program} pause "$2" "$1"
`;

export function createStandbyControl(connection: NodeConnection, fence: Fence): StandbyControl {
  const { node } = connection;
  return {
    async setRules(rules, signal) {
      const { code } = await connection.script(setScript, [renderStandbyRules(rules)], {
        signal,
        okCodes: [0, exits.noRoot],
      });
      if (code === 0) return;
      throw new AppError('command-failed', `cannot set the standbys of "${node}": it is not set up for them`, {
        hint: 'run host/provision.sh on the node',
        details: { node },
      });
    },
    async pause(of, signal) {
      // Without a lock there is no run that could own the pause.
      if (fence.token === '') return;
      await connection.script(pauseScript, [fence.token, standbyLeaf(of)], { signal });
    },
  };
}

/** Text of /etc/drover/standby: one line for each volume, its fields separated by tabs, `-` for nothing. */
export function renderStandbyRules({ address, sends, accepts }: StandbyRules): string {
  const lines = [
    ['self', word(isAddress, address)],
    ...sends.map((send) => [
      'send',
      standbyLeaf(send),
      word(isPlain, send.volume),
      word(isApplicationName, send.application),
      word(isDeploymentName, send.deployment),
      String(Math.round(send.everyMs)),
      String(Math.round(send.loseMs)),
      printRetention(send.snapshots),
      send.targets.map((id) => word(isNodeId, id)).join(',') || '-',
      encode(send.before),
      encode(send.after),
    ]),
    ...accepts.map((accept) => [
      'accept',
      standbyLeaf(accept),
      word(isPlain, accept.volume),
      word(isApplicationName, accept.application),
      word(isDeploymentName, accept.deployment),
      word(isNodeId, accept.from),
      word(isAddress, accept.address),
      String(Math.round(accept.loseMs)),
      printRetention(accept.keep),
    ]),
  ];
  return lines.map((fields) => `${fields.join('\t')}\n`).join('');
}

const isPlain = (text: string): boolean => isVolumeId(text) && text !== '-' && !/[\x00-\x1f\x7f]/.test(text);

function word(isValid: (text: string) => boolean, text: string): string {
  if (isValid(text)) return text;
  throw new AppError('command-failed', `cannot write down a standby: ${JSON.stringify(text)} is not valid`);
}

const encode = (words: SealedContent | undefined): string =>
  words === undefined ? '-' : Buffer.from(words.bytes()).toString('base64');

/** Output of `readStandbyCommand`; undefined where the node is not set up for it. Lines in another form are left out. */
export function parseStandby(text: string): StandbyFacts | undefined {
  const rows = text.split('\n').map((line) => line.split('\t'));
  const [first = []] = rows;
  if (first[0] !== 'ready') return undefined;
  const fields = (kind: string) => rows.flatMap(([own, ...rest]) => (own === kind ? [rest] : []));
  const [address] = fields('self')[0] ?? [];
  const sends = fields('send').flatMap(toSend);
  const accepts = fields('accept').flatMap(toAccept);
  const volumes = new Map([...sends, ...accepts].map((rule) => [standbyLeaf(rule), rule.volume]));
  return {
    rules: isAddress(address) ? { address, sends, accepts } : undefined,
    ...(rows.some(([word]) => word === 'unarmed') ? { isUnarmed: true } : {}),
    at: Math.round(Number(first[1]) * 1000) || 0,
    sent: fields('sent').flatMap(([leaf = '', target, name, guid, at, bytes, , error = '']) => {
      const volume = volumes.get(leaf);
      if (volume === undefined || !isNodeId(target)) return [];
      const newest = toSnapshot(name, guid, at);
      const said = plainText(error).slice(0, 300);
      const sentBytes = /^\d{1,15}$/.test(bytes ?? '') ? Number(bytes) : undefined;
      return [
        {
          volume,
          target,
          ...defined({ newest, bytes: sentBytes, error: said === '-' || said === '' ? undefined : said }),
        },
      ];
    }),
    received: fields('received').flatMap(([leaf = '', from, name, guid, at]) => {
      const volume = volumes.get(leaf);
      const newest = toSnapshot(name, guid, at);
      return volume === undefined || newest === undefined || !isNodeId(from) ? [] : [{ volume, from, newest }];
    }),
  };
}

function toSend([
  leaf,
  volume,
  application,
  deployment,
  every,
  lose,
  snapshots = '',
  targets = '',
  ...programs
]: readonly string[]): StandbySend[] {
  if (!isVolumeId(volume) || !isApplicationName(application) || !isDeploymentName(deployment)) return [];
  const [before, after] = programs.map((text) =>
    text === '-' ? undefined : new SealedContent(Buffer.from(text, 'base64')),
  );
  const send = {
    volume,
    application,
    deployment,
    everyMs: Number(every),
    loseMs: Number(lose),
    targets: targets
      .split(',')
      .filter(isNodeId)
      .filter((id) => id !== '-'),
    ...defined({ snapshots: readRetention(snapshots), before, after }),
  };
  return standbyLeaf(send) === leaf && send.everyMs > 0 && send.loseMs > 0 ? [send] : [];
}

function toAccept([
  leaf,
  volume,
  application,
  deployment,
  from,
  address,
  lose,
  keep = '',
]: readonly string[]): StandbyAccept[] {
  if (!isVolumeId(volume) || !isApplicationName(application) || !isDeploymentName(deployment)) return [];
  if (!isNodeId(from) || !isAddress(address)) return [];
  const accept = {
    volume,
    application,
    deployment,
    from,
    address,
    loseMs: Number(lose),
    ...defined({ keep: readRetention(keep) }),
  };
  return standbyLeaf(accept) === leaf && accept.loseMs > 0 ? [accept] : [];
}

function toSnapshot(
  name: string | undefined,
  guid: string | undefined,
  at: string | undefined,
): StandbySnapshot | undefined {
  const isOurs = name !== undefined && (parseSnapshotName(name) !== undefined || /^drover-auto-[\w-]+$/.test(name));
  if (!isOurs || !isZfsNumber(guid) || at === undefined || !/^\d{1,12}$/.test(at)) return undefined;
  return { name, guid, takenAt: Number(at) * 1000 };
}
