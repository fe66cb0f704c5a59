import type { FailoverReceipts } from '../engine/node-client.ts';
import { AppError } from '../model/errors.ts';
import type { FailoverProof, FailoverReceipt, FailoverVolume } from '../model/failover.ts';
import { isApplicationName, isVolumeId } from '../model/untrusted.ts';
import { listAt, numberAt, parseJson, textAt, textsAt } from './json.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { prelude } from './zfs/scripts.ts';

/** Only root can read it. */
const folder = '/var/lib/drover/failover';
/** Receipts that are read; the older ones stay on the node. */
const newest = 50;
const receiptBytes = 64 * 1024;

/** FOLDER NAME TEXT: writes the file so that it is complete after a power cut, or not there. Replaces an earlier one. */
const keepScript = `${prelude}
umask 077
mkdir -p -- "$1" && new=$(mktemp "$1/.new.XXXXXX") && printf '%s\\n' "$3" >"$new" && sync "$new" && mv -- "$new" "$1/$2" && sync "$1"
`;

/** FOLDER COUNT BYTES: prints the newest files, each followed by a line with \\x1e. */
const readScript = `${prelude}
cd -- "$1" 2>/dev/null || exit 0
while IFS= read -r file; do head -c "$3" -- "$file"; printf '\\n\\036\\n'; done < <(ls -t -- *.json 2>/dev/null | head -n "$2")
`;

/** Receipts of failovers to this node, as files in /var/lib/drover/failover. */
export function createFailoverReceipts(connection: NodeConnection): FailoverReceipts {
  return {
    async keep(receipt, signal) {
      const { application, volumes } = receipt;
      const epoch = Math.max(0, ...volumes.map((one) => one.epoch));
      if (!isApplicationName(application)) {
        throw new AppError('usage', `cannot keep a receipt: ${JSON.stringify(application)} is not an application`);
      }
      const name = `${application}-e${epoch}.json`;
      await connection.script(keepScript, [folder, name, JSON.stringify(receipt)], { signal });
      return `${folder}/${name}`;
    },
    async read(signal) {
      const args = [folder, String(newest), String(receiptBytes)];
      const { stdout } = await connection.script(readScript, args, { signal });
      return stdout.split('\n\x1e\n').flatMap(parseReceipt);
    },
  };
}

/** The receipt in a file of a node; nothing where it has another form. */
export function parseReceipt(text: string): FailoverReceipt[] {
  const value = parseJson(text);
  const application = textAt(value, 'application');
  const to = textAt(value, 'to');
  const at = numberAt(value, 'at');
  const by = textAt(value, 'by');
  if (!isApplicationName(application) || to === undefined || at === undefined || by === undefined) return [];
  const proofs = listAt(value, 'proofs').flatMap(parseProof);
  const volumes = listAt(value, 'volumes').flatMap(parseVolume);
  return [{ application, from: textsAt(value, 'from'), to, at, by, proofs, volumes }];
}

function parseProof(value: unknown): FailoverProof[] {
  const node = textAt(value, 'node');
  const kind = textAt(value, 'kind');
  if (node === undefined) return [];
  if (kind === 'powered-off') return [{ kind, node }];
  const command = textAt(value, 'command');
  return kind === 'fence' && command !== undefined
    ? [{ kind, node, command, output: textAt(value, 'output') ?? '' }]
    : [];
}

function parseVolume(value: unknown): FailoverVolume[] {
  const volume = textAt(value, 'volume');
  const dataset = textAt(value, 'dataset');
  const epoch = numberAt(value, 'epoch');
  const snapshot = textAt(value, 'snapshot');
  const at = numberAt(value, 'at');
  if (!isVolumeId(volume) || dataset === undefined || epoch === undefined) return [];
  return snapshot === undefined || at === undefined ? [] : [{ volume, dataset, epoch, snapshot, at }];
}
