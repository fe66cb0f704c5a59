import type { BoardNode } from '../../../view/board/types.ts';
import { formatDuration, shortBytes, shortDuration } from '../../../view/wording.ts';
import type { Glyphs } from '../../frame/glyphs.ts';
import { type Row, type Size, type Span, span, type Token } from '../../frame/rows.ts';
import { fitText, widthOfRow } from '../../text/fit.ts';
import { barSpans, ends, sparkText } from '../drawing.ts';
import type { ClusterPaneInput } from './grid.ts';
import { hasKeys, isPoolWorrying, selectIf } from './signs.ts';

/** Rows of a node's head: two where the applications would have no room otherwise. */
export const headRows = ({ rows }: Size): number => (rows < 11 ? 2 : 3);

/** Name, address and round trip; processor and memory; pool. */
export function headLines(pane: ClusterPaneInput, node: BoardNode, width: number, isCursor: boolean): readonly Row[] {
  const { input } = pane;
  const title = selectIf(titleLine(input, node, width, isCursor), isCursor && hasKeys(pane));
  if (node.status === 'unreachable') return [title, troubleLine(node), poolLine(node, width, input.glyphs)];
  const figures = figuresLine(node, width, input.glyphs);
  const pool = poolLine(node, width, input.glyphs);
  return headRows(pane.size) === 3 ? [title, figures, pool] : [title, pool];
}

function titleLine({ glyphs, now }: ClusterPaneInput['input'], node: BoardNode, width: number, isCursor: boolean): Row {
  const [sign, token] = signs(glyphs)[node.status];
  const address = node.address === undefined ? [] : [span(` ${node.address}`, 'dim')];
  const mark = isCursor ? span(glyphs.cursor, 'accent') : span(' ');
  const left = [mark, span(`${sign} `, token), span(node.title, 'title'), ...address];
  return ends(left, [statusSpan(node, now, glyphs)], width, glyphs.ellipsis);
}

/** Figures come every second. */
const quietMs = 1_600;

/** How long a node that counts as reachable has not answered; undefined while that is nothing unusual for it. */
function silenceOf({ measuredAt, roundTripMs = 0 }: BoardNode, now: number): number | undefined {
  const silentMs = measuredAt === undefined ? 0 : now - measuredAt;
  return silentMs > quietMs + 2 * roundTripMs ? silentMs : undefined;
}

const signs = (glyphs: Glyphs): Readonly<Record<BoardNode['status'], readonly [string, Token]>> => ({
  reachable: [glyphs.up, 'ok'],
  unreachable: [glyphs.failed, 'bad'],
  unseen: [glyphs.unknown, 'warn'],
});

function statusSpan(node: BoardNode, now: number, glyphs: Glyphs): Span {
  const { status, since, roundTripMs } = node;
  if (status === 'unseen') return span('not seen yet', 'warn');
  if (status === 'unreachable') return span(`lost ${shortDuration(now - (since ?? now))} ago`, 'bad');
  const silentMs = silenceOf(node, now);
  if (silentMs !== undefined) return span(`no answer for ${shortDuration(silentMs)}`, 'warn');
  // What it is says the node's page, and the plan.
  if (node.blocked.length > 0) return span(`${glyphs.failed} ${node.blocked.length} blocked`, 'bad');
  return span(roundTripMs === undefined ? '' : formatDuration(roundTripMs), 'dim');
}

const troubleLine = ({ problem, hint }: BoardNode): Row => [
  span(` ${problem ?? ''}`, 'bad'),
  ...(hint === undefined ? [] : [span(` (${hint})`, 'dim')]),
];

const labelAndFigure = 9;

function figuresLine(node: BoardNode, width: number, glyphs: Glyphs): Row {
  const { cpuPercent, memoryPercent, cpuHistory } = node;
  const half = Math.floor((width - 2) / 2);
  const graph = Math.max(3, half - labelAndFigure);
  const spark = fitText(sparkText(cpuHistory, graph, glyphs), graph, 'right');
  const bar = memoryPercent === undefined ? [span(' '.repeat(graph))] : barSpans(memoryPercent / 100, graph, glyphs);
  const cpu = [span(' cpu ', 'dim'), span(spark, 'accent'), percentSpan(cpuPercent)];
  return [...cpu, span(' mem ', 'dim'), ...bar, percentSpan(memoryPercent, 90)];
}

function percentSpan(percent: number | undefined, worrying = 101): Span {
  if (percent === undefined) return span('    ?', 'dim');
  return span(fitText(`${Math.round(percent)}%`, 5, 'right'), percent >= worrying ? 'warn' : 'plain');
}

function poolLine(node: BoardNode, width: number, glyphs: Glyphs): Row {
  const { pool, isStale } = node;
  if (pool === undefined) return [];
  const token: Token = isStale ? 'dim' : pool.health !== 'ONLINE' ? 'bad' : isPoolWorrying(node) ? 'warn' : 'plain';
  const fill = `${shortBytes(pool.usedBytes)}/${shortBytes(pool.sizeBytes)}`;
  const figures = [span(`${fill} ${pool.usedPercent}%${isPoolWorrying(node) ? '!' : ''}`, token)];
  const name = [span(` ${pool.name} ${pool.health} `, token)];
  const graph = width - widthOfRow(name) - widthOfRow(figures) - 1;
  const bar = graph < 4 ? [] : barSpans(pool.usedPercent / 100, graph, glyphs, isStale ? 'dim' : 'accent');
  return ends([...name, ...bar], figures, width, glyphs.ellipsis);
}
