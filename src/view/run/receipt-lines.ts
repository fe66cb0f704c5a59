import type { MoveReceipt } from '../../model/events.ts';
import { type Line, line } from '../lines.ts';
import { count, formatBytes, formatDuration, type Names } from '../wording.ts';

/** The result of a finished move: bytes of each round, downtime, refused connections. */
export function receiptLines(receipt: MoveReceipt, names: Names): readonly Line[] {
  const what = receipt.app === undefined ? names.volume(receipt.volume) : `"${receipt.app}"`;
  const head = `${what} moved from ${names.node(receipt.from)} to ${names.node(receipt.to)}`;
  return [
    line(`  ${head} in ${formatDuration(receipt.totalMs)}`, 'ok'),
    line(`    ${sent(receipt)}`),
    ...cost(receipt),
  ];
}

const ways = {
  direct: 'node to node',
  relay: 'through this machine',
  both: 'node to node, the small rest through this machine,',
} as const;

function sent({ bytes, mode, rounds }: MoveReceipt): string {
  if (mode === 'none' || bytes.length === 0) return 'sent      nothing: the copy there was up to date';
  const total = bytes.reduce((sum, each) => sum + each, 0);
  const way = ways[mode];
  const each = bytes.map(formatBytes).join(' + ');
  return `sent      ${formatBytes(total)} ${way} in ${count(rounds, 'round')}${bytes.length > 1 ? ` (${each})` : ''}`;
}

function cost({ downtimeMs, waitedMs, refused, killed }: MoveReceipt): readonly Line[] {
  return [
    ...(downtimeMs === undefined ? [] : [line(`    downtime  ${formatDuration(downtimeMs)}`)]),
    ...(waitedMs === undefined ? [] : [line(`    waited    ${formatDuration(waitedMs)} for new connections`)]),
    ...(killed === undefined ? [] : [line('    stopped   by force: it did not stop in its time', 'warning')]),
    ...(refused === undefined
      ? []
      : [line(`    refused   ${count(refused, 'connection')}`, refused === 0 ? 'ok' : 'warning')]),
  ];
}
