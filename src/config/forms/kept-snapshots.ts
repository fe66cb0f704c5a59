import type { VolumeMount } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { type Quiesce, type Retention, snapshotPeriods, standbyLimits } from '../../model/standby/declared.ts';
import { complain, type Place, readFields, readInteger, refuseOthers } from '../fields.ts';
import { isNothing, quote } from '../yaml/yaml-node.ts';
import { readWords } from './read-parts.ts';

const retentionHint = 'write how many are kept, such as {hourly: 24, daily: 7}';

/** How many scheduled snapshots are kept: `snapshots` of a volume, `keep` of a standby. */
export function readRetention(place: Place, what: string): Retention | undefined {
  if (isNothing(place.node)) return undefined;
  const fields = readFields(place, what, retentionHint);
  if (fields === undefined) return undefined;
  refuseOthers(fields, snapshotPeriods);
  if (fields.entries.size === 0) return complain(place, `${what} must not be empty`, retentionHint);
  return defined(
    Object.fromEntries(
      snapshotPeriods.map((period) => {
        const entry = fields.entries.get(period);
        const count = entry && readInteger(entry, quote(period), 1, standbyLimits.mostSnapshots);
        return [period, count];
      }),
    ),
  );
}

/** `quiesce` of a volume: a program before each snapshot and one after it, in the container. */
function readQuiesce(place: Place): Quiesce | undefined {
  if (isNothing(place.node)) return undefined;
  const hint = 'write {before: ["program", "argument"], after: ["program"]}';
  const fields = readFields(place, '"quiesce"', hint);
  if (fields === undefined) return undefined;
  refuseOthers(fields, ['before', 'after']);
  const read = (key: string) => {
    const entry = fields.entries.get(key);
    return entry && readWords(entry, quote(key), hint);
  };
  const quiesce = defined({ before: read('before'), after: read('after') });
  return fields.entries.size === 0 ? complain(place, '"quiesce" must not be empty', hint) : quiesce;
}

/** The keys of a volume that say which snapshots its node takes; the same in each form that has them. */
export const keptKeys = ['snapshots', 'quiesce'] as const;

export function readKept(entries: ReadonlyMap<string, Place>): Pick<VolumeMount, 'snapshots' | 'quiesce'> {
  const [snapshots, quiesce] = keptKeys.map((key) => entries.get(key));
  return defined({
    snapshots: snapshots && readRetention(snapshots, '"snapshots"'),
    quiesce: quiesce && readQuiesce(quiesce),
  });
}
