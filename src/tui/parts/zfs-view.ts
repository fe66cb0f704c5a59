import type { ZfsDataset, ZfsSnapshot } from '../../engine/volume-store.ts';
import type { VolumeRole } from '../../model/cluster.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import type { ErrorReport } from '../../model/errors.ts';
import { holdTag, isOurSnapshot } from '../../model/names.ts';
import { poolOf } from '../../view/capacity.ts';
import { count, formatBytes, listNames, nodeTitle, shortBytes, shortDuration } from '../../view/wording.ts';
import { type Row, type Size, type Span, span, type Token } from '../frame/rows.ts';
import type { Drawn, ScreenInput } from '../screen.ts';
import { fitText, widthOf } from '../text/fit.ts';
import { wrapRows } from './drawing.ts';
import { drawList, inList } from './list.ts';
import { rowsOn } from './page.ts';

export interface ZfsState {
  readonly kind: 'zfs';
  readonly node: NodeName;
  /** Where the cursor goes when the datasets are read: to the application's data, or to its newest snapshot. */
  readonly seeks?: { readonly app: AppName; readonly what: 'dataset' | 'snapshot' };
  /** Absent while they are read. */
  readonly datasets?: readonly ZfsDataset[];
  readonly error?: ErrorReport;
  readonly cursor: number;
}

/** A row the cursor can be on: a dataset, or one of its snapshots. */
export interface ZfsEntry {
  readonly dataset: ZfsDataset;
  readonly snapshot?: ZfsSnapshot;
}

/** Every dataset with its snapshots below it, newest first. */
export const entriesOf = (datasets: readonly ZfsDataset[] = []): readonly ZfsEntry[] =>
  datasets.flatMap((dataset): readonly ZfsEntry[] => [
    { dataset },
    ...dataset.snapshots.toSorted((a, b) => b.createdAt - a.createdAt).map((snapshot) => ({ dataset, snapshot })),
  ]);

const meaning: Readonly<Record<VolumeRole, string>> = {
  owner: 'the data an application writes; every other copy follows this one',
  frozen: 'the data during a move: not mounted, not written',
  released: 'released to another node, which has not acquired it yet',
  incoming: 'a copy that this node is receiving',
  replica: 'an older copy, read-only: the next move here sends only what changed since',
  diverged: 'was written after another node took over; kept, but never used',
  retired: 'not in use; kept until you destroy it by hand',
};

const roleTokens: Readonly<Partial<Record<VolumeRole, Token>>> = {
  owner: 'ok',
  diverged: 'bad',
  replica: 'dim',
  retired: 'dim',
};

/** The pool, the datasets with their snapshots, and what the entry under the cursor means. */
export function drawZfs(input: ScreenInput, state: ZfsState, size: Size): Drawn {
  const { view } = input;
  const all = entriesOf(state.datasets);
  const at = inList(state.cursor, all.length);
  const head = headRows(input, state, size);
  const foot = all[at] === undefined ? [] : footRows(all[at], size);
  const widths = widthsOf(all, size);
  return {
    title: [span('zfs ', 'title'), span(nodeTitle(view.config, state.node), 'title')],
    aside: [span(asideOf(state), 'dim')],
    ...drawList({
      size,
      cursor: at,
      lines: all.length,
      head,
      foot,
      from: 'middle',
      draw: (shown) => rowsOn(shown, all).map((entry, i) => entryRow(input, entry, widths, shown.offset + i === at)),
      twice: { type: 'action', action: 'open' },
    }),
  };
}

function asideOf({ datasets }: ZfsState): string {
  if (datasets === undefined) return '';
  const snapshots = datasets.reduce((sum, dataset) => sum + dataset.snapshots.length, 0);
  return `${count(datasets.length, 'dataset')}, ${count(snapshots, 'snapshot')}`;
}

function headRows({ view }: ScreenInput, state: ZfsState, size: Size): readonly Row[] {
  const pool = poolOf(view, state.node);
  const used = pool === undefined || pool.sizeBytes === 0 ? 0 : Math.round(100 * (1 - pool.freeBytes / pool.sizeBytes));
  const poolRow: Row[] =
    pool === undefined
      ? []
      : [
          [
            span(`pool ${pool.name} `),
            span(pool.health, pool.health === 'ONLINE' ? 'ok' : 'bad'),
            span(`  ${formatBytes(pool.freeBytes)} of ${formatBytes(pool.sizeBytes)} free, `),
            span(`${used}% used`, used >= 80 ? 'warn' : 'plain'),
          ],
        ];
  if (state.error !== undefined) {
    const { message, hint } = state.error;
    return [
      ...poolRow,
      ...wrapRows(message, size.columns, 'bad'),
      ...(hint === undefined ? [] : wrapRows(hint, size.columns)),
    ];
  }
  if (state.datasets === undefined) return [...poolRow, [span('reading the datasets', 'dim')]];
  if (state.datasets.length === 0) return [...poolRow, [span('this node has no dataset of drover', 'dim')]];
  return [...poolRow, headingRow(widthsOf(entriesOf(state.datasets), size))];
}

interface Widths {
  readonly name: number;
  readonly isWide: boolean;
}

/** Behind the name come role, used, referenced, ratio, age, holds. */
function widthsOf(all: readonly ZfsEntry[], { columns }: Size): Widths {
  const isWide = columns >= 72;
  const rest = isWide ? 9 + 8 + 8 + 7 + 6 + 7 : 9 + 8 + 8 + 6;
  const longest = Math.max(8, ...all.map((entry) => widthOf(shortName(entry)) + 4));
  return { name: Math.min(longest, Math.max(12, columns - rest)), isWide };
}

/** Without pool and root, which all have in common. */
function shortName({ dataset, snapshot }: ZfsEntry): string {
  return snapshot === undefined ? (dataset.name.split('/').at(-1) ?? dataset.name) : `@${snapshot.name}`;
}

function cells(name: readonly Span[], rest: readonly Span[], { isWide }: Widths): Row {
  const [role, used, refer, ratio, age, holds] = rest;
  const all = isWide ? [role, used, refer, ratio, age, holds] : [role, used, refer, age];
  const widths = isWide ? [9, 8, 8, 7, 6, 7] : [9, 8, 8, 6];
  return [
    ...name,
    ...all.map((each, i): Span => {
      const { text, ...style } = each ?? { text: '' };
      return { ...style, text: fitText(text, widths[i] ?? 0, i === 0 ? 'left' : 'right') };
    }),
  ];
}

const headingRow = (widths: Widths): Row =>
  cells(
    [span(fitText('  DATASET', widths.name), 'dim')],
    [' ROLE', 'USED', 'REFER', 'RATIO', 'AGE', 'HOLDS'].map((text) => span(text, 'dim')),
    widths,
  );

function entryRow({ glyphs, now }: ScreenInput, entry: ZfsEntry, widths: Widths, isAt: boolean): Row {
  const { dataset, snapshot } = entry;
  const mark = isAt ? glyphs.cursor : ' ';
  const lead = snapshot === undefined ? `${mark} ` : `${mark} ${glyphs.branch} `;
  const name = span(shortName(entry), snapshot === undefined ? 'strong' : 'plain');
  const named: Row = [
    span(lead, 'accent'),
    { ...name, text: fitText(name.text, widths.name - widthOf(lead), 'left', glyphs.ellipsis) },
  ];
  const part = snapshot ?? dataset;
  const role = snapshot === undefined ? (dataset.role ?? 'clone') : '';
  const ratio =
    snapshot === undefined && dataset.compressRatio !== undefined ? `${dataset.compressRatio.toFixed(2)}x` : '';
  return cells(
    named,
    [
      span(` ${role}`, dataset.role === undefined ? 'dim' : (roleTokens[dataset.role] ?? 'warn')),
      span(shortBytes(part.usedBytes)),
      span(shortBytes(part.referencedBytes)),
      span(ratio, 'dim'),
      span(shortDuration(now - part.createdAt), 'dim'),
      span(snapshot === undefined || snapshot.holds.length === 0 ? '' : String(snapshot.holds.length), 'warn'),
    ],
    widths,
  );
}

/** What the row under the cursor is, in words. */
function footRows({ dataset, snapshot }: ZfsEntry, size: Size): readonly Row[] {
  const texts = snapshot === undefined ? aboutDataset(dataset) : aboutSnapshot(snapshot);
  const rows = texts.flatMap((text) => wrapRows(text, size.columns, 'dim'));
  return [[], ...rows.slice(0, size.rows > 14 ? 4 : 3)];
}

function aboutDataset({ name, application, role, usedBytes, referencedBytes }: ZfsDataset): readonly string[] {
  const whose = application === undefined ? name : `${name}, of "${application}"`;
  const what = role === undefined ? 'a clone of a snapshot; no application uses it' : meaning[role];
  const inSnapshots = usedBytes - referencedBytes;
  const old = inSnapshots > 0 ? [`only snapshots hold ${formatBytes(inSnapshots)} of it`] : [];
  return [`${whose}: ${what}`, ...old];
}

function aboutSnapshot({ name, usedBytes, holds }: ZfsSnapshot): readonly string[] {
  const kind = isOurSnapshot(name)
    ? 'drover made it for a move and removes it when no move needs it; enter clones it, to look into it'
    : 'drover never removes it; enter clones it, to look into it';
  if (holds.length === 0) return [`${name}: destroying it would free ${formatBytes(usedBytes)}`, kind];
  const why = holds.includes(holdTag)
    ? 'the next move sends only what changed since'
    : '`zfs release` on the node removes a hold';
  return [`${name}: held by ${listNames(holds)}, so it cannot be destroyed: ${why}`, kind];
}
