import type { Volume } from '../../../model/cluster.ts';
import { type Application, type NodeName, nodeOf, type VolumeId } from '../../../model/config.ts';
import { printImage } from '../../../model/names.ts';
import { nodesOf } from '../../../model/plan.ts';
import type { ClusterView } from '../../../view/cluster-view.ts';
import { redact } from '../../../view/redact.ts';
import { receiptLines } from '../../../view/run/receipt-lines.ts';
import { count, formatBytes, formatClock, formatDuration, namesOf, nodeTitle } from '../../../view/wording.ts';
import { type Row, span } from '../../frame/rows.ts';
import type { ScreenInput } from '../../screen.ts';
import type { Item } from '../../state.ts';
import { rowOf, wrapRows } from '../drawing.ts';
import { containerState, containersOf, fact, facts, roleToken, sights, volumeText } from './facts.ts';

/** A container drover has not made. */
export function foreignSummary(
  { view, now, glyphs }: ScreenInput,
  name: string,
  at: NodeName | undefined,
  width: number,
): readonly Row[] {
  const names = namesOf(view.config);
  return sights(view)
    .filter(({ node }) => at === undefined || node === at)
    .flatMap(({ node, facts: { containers } }) =>
      containers
        .filter((one) => !one.managed && one.name === name)
        .flatMap((container) => {
          const [sign, token, text] = containerState(container, now, glyphs);
          const ports = container.spec.ports.map(({ external, internal }) => `${external} to ${internal} inside`);
          return [
            ...fact('container', `${name} on ${names.node(node)}`, width, 'strong'),
            ...fact('image', container.spec.image, width),
            ...fact('state', `${sign} ${text}`, width, token),
            ...facts('ports', ports, width),
            ...wrapRows('it is not in the files and not made by drover, which never touches it', width, 'dim'),
          ];
        }),
    );
}

/** Every copy of a volume that no application has. */
export function volumeSummary({ view }: ScreenInput, volume: VolumeId, width: number): readonly Row[] {
  const names = namesOf(view.config);
  const placed = view.config?.datasets?.find(({ id }) => id === volume);
  const wanted =
    placed === undefined
      ? 'the files do not name it; it is kept'
      : placed.deleted === true
        ? 'declared deleted; its data is kept'
        : `wanted on ${names.node(placed.node)}`;
  const copies = copiesOf(view, (one) => one.id === volume).flatMap(({ node, copy }) => [
    ...fact(names.node(node), copy.dataset, width, 'strong'),
    ...fact('', volumeText(copy), width, roleToken(copy)),
  ]);
  return [...fact('volume', volume, width, 'strong'), ...fact('', wanted, width), ...copies];
}

const copiesOf = (view: ClusterView, has: (volume: Volume) => boolean) =>
  sights(view).flatMap(({ node, facts: { volumes } }) => volumes.filter(has).map((copy) => ({ node, copy })));

/** The declaration as it was understood, with defaults; values of the environment are hidden. */
export function fileRows(
  { view, about }: ScreenInput,
  { app, node, volume, foreign }: Item,
  width: number,
): readonly Row[] {
  const { config } = view;
  if (config === undefined) return [[span('no files have been read yet', 'dim')]];
  const comment = (text: string): readonly Row[] => wrapRows(`# ${text}`, width, 'dim');
  if (app !== undefined) {
    const declared = config.applications[app];
    if (declared === undefined) return wrapRows(`"${app}" is not in the files`, width, 'warn');
    const at = nodeOf(config, app);
    const placed = at === undefined ? 'on no node' : `on ${nodeTitle(config, at)}`;
    return [
      ...comment(`${about.files?.application ?? 'the files'} says, with every default`),
      ...yamlRows(declaration(declared)),
      ...comment(`${about.files?.deployment ?? 'the deployment'} places it ${placed}`),
    ];
  }
  if (foreign !== undefined) return wrapRows(`"${foreign}" is not in the files`, width, 'dim');
  if (volume !== undefined) {
    const placed = config.datasets?.find(({ id }) => id === volume);
    return placed === undefined ? wrapRows('this volume is not in the files', width, 'dim') : yamlRows(placed);
  }
  if (node === undefined) return [];
  return [
    ...comment(`${about.files?.deployment ?? 'the deployment'} places here`),
    ...yamlRows({ applications: config.deployment[node] ?? [] }),
    ...comment('how it is reached'),
    ...yamlRows(config.nodes[node] ?? {}),
  ];
}

/** Images as they are written, and no secrets. */
function declaration(app: Application): object {
  const { image, insteadOf, ...rest } = redact(app);
  const instead = insteadOf === undefined ? {} : { insteadOf: printImage(insteadOf) };
  return { image: printImage(image), ...instead, ...rest };
}

/** Plain data as block YAML: for reading, never parsed. */
function yamlRows(value: object, indent = ''): readonly Row[] {
  return Object.entries(value).flatMap(([key, each]: [string, unknown]): readonly Row[] => {
    const name = Array.isArray(value) ? '-' : `${key}:`;
    if (typeof each !== 'object' || each === null) return [[span(`${indent}${name} `, 'accent'), span(String(each))]];
    if (Object.keys(each).length === 0) {
      return [[span(`${indent}${name} `, 'accent'), span(Array.isArray(each) ? '[]' : '{}')]];
    }
    const inner = yamlRows(each, `${indent}  `);
    if (name !== '-') return [[span(`${indent}${name}`, 'accent')], ...inner];
    // The first line of an entry is on the dash's own.
    const [[first, ...after] = [], ...rest] = inner;
    const begin = span(`${indent}- ${first?.text.trimStart() ?? ''}`, 'accent');
    return [[begin, ...after], ...rest];
  });
}

/** Datasets of this application, volume or node, with their snapshots and bookmarks, oldest first. */
export function zfsRows({ view }: ScreenInput, { app, node, volume }: Item, width: number): readonly Row[] {
  const ids = new Set(app === undefined ? [] : (view.config?.applications[app]?.volumes ?? []).map(({ id }) => id));
  const has = (one: Volume): boolean =>
    app !== undefined ? ids.has(one.id) || one.application === app : volume === undefined || one.id === volume;
  const copies = copiesOf(view, has).filter((copy) => app !== undefined || volume !== undefined || copy.node === node);
  if (copies.length === 0) return [[span('no datasets of drover', 'dim')]];
  const names = namesOf(view.config);
  return copies.flatMap(({ node: at, copy }) => [
    ...wrapRows(`${copy.dataset} on ${names.node(at)}`, width, 'strong'),
    ...fact('  role', `${volumeText(copy)}, epoch ${copy.epoch}`, width, roleToken(copy)),
    ...fact(
      '  written',
      `${formatBytes(copy.writtenBytes)} since the newest snapshot, ${formatBytes(copy.usedBytes)} used in all`,
      width,
    ),
    ...copy.snapshots.map((each): Row => [span('  @', 'dim'), span(each.name), span(`  guid ${each.guid}`, 'dim')]),
    ...copy.bookmarks.map((each): Row => [span('  #', 'dim'), span(each.name), span(`  guid ${each.guid}`, 'dim')]),
  ]);
}

const noMoves = (key: string | undefined): string =>
  `no moves since this program began${key === undefined ? '' : `; ${key} shows all earlier runs`}`;

/** Receipts of moves, newest first. */
export function historyRows(
  { view, now, about }: ScreenInput,
  { app, node, volume }: Item,
  width: number,
): readonly Row[] {
  const names = namesOf(view.config);
  const own = view.receipts.filter((each) =>
    app !== undefined
      ? each.app === app
      : volume !== undefined
        ? each.volume === volume
        : node !== undefined && (each.from === node || each.to === node),
  );
  if (own.length === 0) return wrapRows(noMoves(about.keyOf('history')), width, 'dim');
  return own
    .toReversed()
    .flatMap((receipt) => [
      [span(`${formatDuration(Math.max(0, now - receipt.startedAt))} ago`, 'dim')],
      ...receiptLines(receipt, names).map(rowOf),
    ]);
}

/** Commands that were run on its nodes, newest first. */
export function commandRows({ view }: ScreenInput, { app, node }: Item, width: number): readonly Row[] {
  const nodes = new Set(node === undefined ? [] : [node]);
  if (app !== undefined) {
    for (const each of containersOf(view, app)) nodes.add(each.node);
    const steps = view.plan?.steps.filter(({ group }) => group === app) ?? [];
    for (const each of steps.flatMap(({ action }) => nodesOf(action))) nodes.add(each);
  }
  const own = view.commands.filter((each) => nodes.has(each.node));
  if (own.length === 0) return wrapRows('nothing has been run there yet', width, 'dim');
  const names = namesOf(view.config);
  const head: Row = [span(`${count(own.length, 'command')}, newest first`, 'dim')];
  const rows = own
    .toReversed()
    .map(
      (each): Row => [
        span(`${formatClock(each.at)} `, 'dim'),
        span(`${names.node(each.node)} $ `, 'dim'),
        span(each.text),
      ],
    );
  return [head, ...rows];
}
