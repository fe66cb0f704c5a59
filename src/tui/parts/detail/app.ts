import type { PortKey } from '../../../model/cluster.ts';
import { type Application, type AppName, type Dependency, type NodeName, nodeOf } from '../../../model/config.ts';
import { printImage } from '../../../model/names.ts';
import { sharersOf } from '../../../model/shared-volumes.ts';
import { appNames, namesText } from '../../../view/app-names.ts';
import type { ClusterView } from '../../../view/cluster-view.ts';
import { receiptLines } from '../../../view/run/receipt-lines.ts';
import { runStatusOf } from '../../../view/run/run-status-text.ts';
import { optionFacts, settingFacts } from '../../../view/wanted-diff.ts';
import { formatBytes, formatDuration, listNames, namesOf } from '../../../view/wording.ts';
import { type Row, span } from '../../frame/rows.ts';
import type { ScreenInput } from '../../screen.ts';
import { rowOf, wrapRows } from '../drawing.ts';
import {
  blockedRows,
  containerState,
  containersOf,
  fact,
  facts,
  listed,
  roleToken,
  sights,
  volumeText,
} from './facts.ts';

/** What an application is, where it is and how it is, what it has and what its last move cost. */
export function appSummary(input: ScreenInput, app: AppName, at: NodeName | undefined, width: number): readonly Row[] {
  const { view } = input;
  const declared = view.config?.applications[app];
  return [
    ...standingRows(input, app, width),
    ...imageRows(input, app, declared, width),
    ...stateRows(input, app, width),
    ...blockedRows(view, (each) => each.app === app, width),
    ...consumptionRows(view, app, at, width),
    ...(declared === undefined ? [] : declaredRows(input, declared, width)),
    ...volumeRows(input, app, declared, width),
    ...lastMove(input, app),
  ];
}

function standingRows({ view, now }: ScreenInput, app: AppName, width: number): readonly Row[] {
  if (!view.running) return [];
  const standing = runStatusOf(view, app, now);
  return standing === undefined ? [] : [...wrapRows(standing.text, width, 'accent'), []];
}

function imageRows(
  { view }: ScreenInput,
  app: AppName,
  declared: Application | undefined,
  width: number,
): readonly Row[] {
  const [found] = containersOf(view, app);
  if (declared === undefined) return fact('image', found?.container.spec.image ?? 'not known', width);
  const wanted = printImage(declared.image);
  const now = found?.container.spec.image;
  return [
    ...fact('image', wanted, width),
    ...(declared.insteadOf === undefined
      ? []
      : fact('', `in place of ${printImage(declared.insteadOf)}, as the nodes file says`, width, 'warn')),
    ...(now === undefined || now === wanted ? [] : fact('', `runs ${now} now`, width, 'change')),
  ];
}

function stateRows({ view, now, glyphs }: ScreenInput, app: AppName, width: number): readonly Row[] {
  const { node: name } = namesOf(view.config);
  const wanted = view.config === undefined ? undefined : nodeOf(view.config, app);
  const found = containersOf(view, app);
  const states = found.flatMap(({ node, container, isFresh, since }, i) => {
    const [sign, token, text] = containerState(container, now, glyphs);
    const stale = isFresh || since === undefined ? '' : `, last seen ${formatDuration(now - since)} ago`;
    const label = i === 0 ? 'state' : '';
    return fact(
      label,
      `${isFresh ? sign : glyphs.unknown} ${text} on ${name(node)}${stale}`,
      width,
      isFresh ? token : 'dim',
    );
  });
  if (wanted === undefined)
    return [...states, ...fact('wanted', 'on no node: the files do not place it', width, 'dim')];
  const none = states.length > 0 ? [] : fact('state', `${glyphs.add} no container`, width, 'warn');
  const elsewhere = found.some(({ node }) => node === wanted)
    ? []
    : fact('wanted', `on ${name(wanted)}`, width, 'change');
  return [...states, ...none, ...elsewhere];
}

/** Measured only while it is on the screen. */
function consumptionRows(view: ClusterView, app: AppName, at: NodeName | undefined, width: number): readonly Row[] {
  const found = containersOf(view, app);
  const here = found.find(({ node }) => node === at) ?? found[0];
  const used = here && view.figures[here.node]?.latest.containers[here.container.name];
  if (used === undefined) return [];
  return fact('uses', `cpu ${Math.round(used.cpuPercent)}%, memory ${formatBytes(used.memoryBytes)}`, width);
}

function declaredRows(input: ScreenInput, app: Application, width: number): readonly Row[] {
  const variables = Object.keys(app.environment).toSorted();
  const texts = app.links.map(({ alias, localPort, remotePort }) => {
    const target = targetOf(input.view, remotePort);
    return `${alias} port ${localPort} to ${target === undefined ? '' : `"${target}", `}port ${remotePort}`;
  });
  return [
    ...facts(
      'settings',
      [...settingFacts(app), ...optionFacts(app.options)].map(({ text }) => text),
      width,
    ),
    ...facts(
      'ports',
      app.ports.map((port) => portText(input, port)),
      width,
    ),
    ...nameRows(input, app, width),
    ...facts('links', texts, width),
    ...(variables.length === 0 ? [] : fact('variables', `${listed(variables)} (values hidden)`, width)),
    ...facts(
      'files',
      (app.files ?? []).map(({ kind, name, target }) => `${kind} ${name} at ${target}`),
      width,
    ),
    ...facts('hooks', hookTexts(app), width),
    ...(app.dependsOn === undefined || app.dependsOn.length === 0
      ? []
      : fact('after', listed(app.dependsOn.map(dependencyText)), width)),
  ];
}

function nameRows({ view }: ScreenInput, { name }: Application, width: number): readonly Row[] {
  const { config } = view;
  const names = config === undefined ? undefined : appNames({ nodes: view.nodes }, config.name).get(name);
  return names === undefined ? [] : fact('name', namesText(names), width);
}

/** `db is healthy, restarts with it`. */
function dependencyText({ app, until, isOptional, restarts }: Dependency): string {
  const how = until === 'started' ? '' : ` is ${until}`;
  return `${app}${how}${isOptional === true ? ', if it can' : ''}${restarts === true ? ', restarts with it' : ''}`;
}

/** Only the programs: their arguments may be secret. */
const hookTexts = ({ hooks }: Application): string[] => [
  ...(hooks?.postStart ?? []).map(({ command: [program = ''] }) => `after a start: ${program}`),
  ...(hooks?.preStop ?? []).map(({ command: [program = ''] }) => `before a stop: ${program}`),
];

const targetOf = ({ config }: ClusterView, port: number): AppName | undefined =>
  Object.values(config?.applications ?? {}).find(({ ports }) => ports.some(({ external }) => external === port))?.name;

/** `5432 to 5432 inside: answers on node1, forwarded by node2 and node3`. */
function portText({ view }: ScreenInput, port: Application['ports'][number]): string {
  const { node: name } = namesOf(view.config);
  const is = (key: PortKey): boolean => key.port === port.external && key.protocol === port.protocol;
  const fresh = sights(view).filter(({ isFresh }) => isFresh);
  const where = (text: string, has: (network: (typeof fresh)[number]['facts']['network']) => boolean): string[] => {
    const nodes = fresh.filter(({ facts: { network } }) => has(network)).map(({ node }) => name(node));
    return nodes.length === 0 ? [] : [`${text} ${nodes.join(', ')}`];
  };
  const answers = [
    ...where('answers on', ({ open }) => open.some(is)),
    ...where('forwarded by', ({ proxies }) => proxies.some(is)),
    ...where('held on', ({ holds }) => holds.some(is)),
  ];
  const protocol = port.protocol === 'tcp' ? '' : `/${port.protocol}`;
  const inside = port.internal === port.external ? '' : ` to ${port.internal} inside`;
  return `${port.external}${protocol}${inside}: ${answers.length === 0 ? 'answers nowhere yet' : answers.join(', ')}`;
}

function volumeRows(
  { view }: ScreenInput,
  app: AppName,
  declared: Application | undefined,
  width: number,
): readonly Row[] {
  const { node: name } = namesOf(view.config);
  const places = new Map((declared?.volumes ?? []).map(({ id, mountpoint }) => [id, mountpoint]));
  const copies = sights(view).flatMap(({ node, facts: { volumes }, isFresh }) =>
    volumes
      .filter((volume) => places.has(volume.id) || volume.application === app)
      .map((volume) => ({ node, volume, isFresh })),
  );
  const shared = view.config === undefined ? {} : sharersOf(view.config, app);
  const missing = [...places].filter(([id]) => !copies.some(({ volume }) => volume.id === id));
  return [
    ...copies.flatMap(({ node, volume, isFresh }) => [
      ...fact(
        'volume',
        `${places.get(volume.id) ?? volume.id} is ${volume.dataset} on ${name(node)}`,
        width,
        isFresh ? 'plain' : 'dim',
      ),
      ...fact('', volumeText(volume), width, isFresh ? roleToken(volume) : 'dim'),
      ...(shared[volume.id] === undefined ? [] : fact('', `shared with ${listNames(shared[volume.id] ?? [])}`, width)),
    ]),
    ...missing.flatMap(([, mountpoint]) => fact('volume', `${mountpoint}, not made yet`, width, 'warn')),
  ];
}

function lastMove({ view }: ScreenInput, app: AppName): readonly Row[] {
  const last = view.receipts.findLast((receipt) => receipt.app === app);
  if (last === undefined) return [];
  const heading: Row = [span('last move', 'dim')];
  return [heading, ...receiptLines(last, namesOf(view.config)).map((line) => [span(line.text, rowOf(line)[0]?.token)])];
}
