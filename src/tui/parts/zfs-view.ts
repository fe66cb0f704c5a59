import type { ZfsDataset, ZfsSnapshot } from '../../engine/node-client.ts';
import type { VolumeRole } from '../../model/cluster.ts';
import { holdTag, isOurSnapshot } from '../../model/names.ts';
import { poolOf } from '../../view/capacity.ts';
import { count, formatBytes, listNames, nodeTitle, shortBytes, shortDuration } from '../../view/wording.ts';
import { type Row, type Size, type Span, span, type Token } from '../frame/rows.ts';
import type { Drawn, HitArea, ScreenInput } from '../screen.ts';
import type { ZfsState } from '../state.ts';
import { fitText, widthOf } from '../text/fit.ts';
import { clamp, keepInSight, said, select, wrapRows } from './drawing.ts';

/** A row the cursor can be on: a dataset, or one of its snapshots. */
export interface ZfsEntry {
  readonly dataset: ZfsDataset;
  readonly snapshot?: ZfsSnapshot;
}

/** Every dataset with its snapshots below it, newest first; worked out once for the same datasets. */
export function entriesOf(datasets: readonly ZfsDataset[] | undefined): readonly ZfsEntry[] {
  if (datasets === undefined) return [];
  const known = entries.get(datasets);
  if (known !== undefined) return known;
  const made = datasets.flatMap((dataset): readonly ZfsEntry[] => [
    { dataset },
    ...dataset.snapshots.toSorted((a, b) => b.createdAt - a.createdAt).map((snapshot) => ({ dataset, snapshot })),
  ]);
  entries.set(datasets, made);
  return made;
}

const entries = new WeakMap<readonly ZfsDataset[], readonly ZfsEntry[]>();

const meaning: Readonly<Record<VolumeRole, string>> = {
  owner: 'the data an application writes; every other copy follows this one',
  frozen: 'the data during a move: not mounted, nobody writes',
  released: 'given to another node, which has not taken it yet',
  incoming: 'a copy that is being received',
  replica: 'an older copy, read-only: the next move here sends only what changed since',
  diverged: 'was written after another node took over; kept, and nothing starts from it',
  retired: 'no longer used by anything; kept until somebody destroys it by hand',
};

const roleTokens: Readonly<Partial<Record<VolumeRole, Token>>> = {
  owner: 'ok',
  diverged: 'bad',
  replica: 'dim',
  retired: 'dim',
};

/** Pool, datasets with their snapshots, and what the one under the cursor means. */
export function drawZfs(input: ScreenInput, state: ZfsState, size: Size): Drawn {
  const { view } = input;
  const all = entriesOf(state.datasets);
  const at = clamp(state.cursor, 0, Math.max(0, all.length - 1));
  const head = headRows(input, state, size);
  const foot = all[at] === undefined ? [] : footRows(all[at], size);
  const room = Math.max(1, size.rows - head.length - foot.length);
  const offset = keepInSight(Math.max(0, at - Math.floor(room / 2)), at, room, all.length);
  const shown = all.slice(offset, offset + room);
  const widths = widthsOf(all, size);
  const rows = shown.map((entry, i) => {
    const row = entryRow(input, entry, widths, i + offset === at);
    return i + offset === at ? select(row) : row;
  });
  return {
    title: [span('zfs ', 'title'), said(nodeTitle(view.config, state.node), 'title')],
    aside: [span(asideOf(state), 'dim')],
    rows: [...head, ...rows, ...Array.from({ length: room - rows.length }, (): Row => []), ...foot],
    hits: shown.map(
      (_, i): HitArea => ({
        x: 0,
        y: head.length + i,
        columns: size.columns,
        rows: 1,
        click: { type: 'pick', index: offset + i },
        twice: { type: 'action', action: 'open' },
      }),
    ),
    scroll: { offset, shown: room, total: all.length },
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
            said(`pool ${pool.name} `),
            said(pool.health, pool.health === 'ONLINE' ? 'ok' : 'bad'),
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
  if (state.datasets.length === 0) return [...poolRow, [span('there is no dataset of drover on this node', 'dim')]];
  return [...poolRow, headingRow(widthsOf(entriesOf(state.datasets), size))];
}

interface Widths {
  readonly name: number;
  readonly isWide: boolean;
}

/** What stands behind the name: role, used, referenced, ratio, age, holds. */
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
  const name = said(shortName(entry), snapshot === undefined ? 'strong' : 'plain');
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

/** In words, what the row under the cursor is. */
function footRows({ dataset, snapshot }: ZfsEntry, size: Size): readonly Row[] {
  const texts = snapshot === undefined ? aboutDataset(dataset) : aboutSnapshot(snapshot);
  const rows = texts.flatMap((text) => wrapRows(text, size.columns, 'dim'));
  return [[], ...rows.slice(0, size.rows > 14 ? 4 : 3)];
}

function aboutDataset({ name, application, role, usedBytes, referencedBytes }: ZfsDataset): readonly string[] {
  const whose = application === undefined ? name : `${name}, of "${application}"`;
  const what = role === undefined ? 'a clone of a snapshot, to look into it; no application uses it' : meaning[role];
  const inSnapshots = usedBytes - referencedBytes;
  const old = inSnapshots > 0 ? [`${formatBytes(inSnapshots)} are held by snapshots alone`] : [];
  return [`${whose}: ${what}`, ...old];
}

function aboutSnapshot({ name, usedBytes, holds }: ZfsSnapshot): readonly string[] {
  const kind = isOurSnapshot(name)
    ? 'made by drover for a move, and removed when no move needs it; enter clones it, to look into it'
    : 'drover never removes it; enter clones it, to look into it';
  if (holds.length === 0) return [`${name}: destroying it would free ${formatBytes(usedBytes)}`, kind];
  const why = holds.includes(holdTag)
    ? 'the next move sends only what changed since'
    : '`zfs release` on the node lets it go';
  return [`${name}: held by ${listNames(holds)}, so that nothing can destroy it: ${why}`, kind];
}
