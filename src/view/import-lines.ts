import { groupBy } from '../model/collect.ts';
import type { FoundContainer, FoundDocker } from '../model/found-docker.ts';
import { alignRows, cell, type Line, line, type TableRow } from './lines.ts';
import { count } from './wording.ts';

/** Compose projects of a node by name, with their containers. */
export const projectsIn = ({ containers }: FoundDocker): ReadonlyMap<string, readonly FoundContainer[]> =>
  groupBy(containers, ({ project }) => project);

/** Containers of no project. */
export const looseContainers = ({ containers }: FoundDocker): readonly FoundContainer[] =>
  containers.filter(({ project }) => project === undefined);

/** What `drover import NODE` lists. `command` is the command so far. */
export function foundLines(found: FoundDocker, command: string): readonly (Line | TableRow)[] {
  const projects = [...projectsIn(found)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const loose = looseContainers(found);
  const used = new Set(found.containers.flatMap(({ mounts }) => mounts.map(({ volume }) => volume)));
  const unused = found.volumes.filter(({ name, isAnonymous }) => !isAnonymous && !used.has(name));
  const lines: (Line | TableRow)[] = [];
  for (const [name, containers] of projects) {
    const file = containers.find(({ composeFile }) => composeFile !== undefined)?.composeFile;
    lines.push(line(`project ${name}${file === undefined ? '' : `, from ${file}`}`, 'strong'));
    lines.push(...alignRows(containers.map(containerRow)), line(`  ${command} --project ${name}`, 'faint'), line(''));
  }
  if (loose.length > 0) {
    lines.push(line('other containers', 'strong'), ...alignRows(loose.map(containerRow)));
    lines.push(line(`  ${command} --container ${loose.map(({ name }) => name).join(' ')}`, 'faint'), line(''));
  }
  if (unused.length > 0) {
    lines.push(line(`volumes that no container uses: ${unused.map(({ name }) => name).join(', ')}`), line(''));
  }
  return lines.length === 0 ? [line('no containers and no volumes besides those of drover')] : lines.slice(0, -1);
}

function containerRow(container: FoundContainer): TableRow {
  const { service, name, image, isRunning, mounts } = container;
  const volumes = mounts.filter(({ kind }) => kind === 'volume');
  const binds = mounts.filter(({ kind }) => kind === 'bind');
  const has = [
    ...volumes.map(({ volume, target }) => `${shorten(volume ?? '?')} at ${target}`),
    ...(binds.length === 0 ? [] : [count(binds.length, 'bind mount')]),
  ];
  return [
    cell(`  ${service ?? name}`),
    cell(image, 'faint'),
    cell(isRunning ? 'running' : 'stopped', isRunning ? 'ok' : 'warning'),
    cell(has.join(', ')),
  ];
}

/** The name of an anonymous volume is 64 digits. */
const shorten = (volume: string): string => (/^[0-9a-f]{64}$/.test(volume) ? `${volume.slice(0, 12)}…` : volume);

/** Commands that give the old containers back. */
export function wayBack(containers: readonly FoundContainer[]): readonly string[] {
  const policies = containers
    .filter(({ restart }) => restart.name !== 'never')
    .map(({ name, restart }) => {
      const retries = restart.name === 'on-failure' ? restart.maximumRetryCount : undefined;
      return `docker update --restart=${restart.name}${retries === undefined ? '' : `:${retries}`} ${name}`;
    });
  return [...policies, `docker start ${containers.map(({ name }) => name).join(' ')}`];
}
