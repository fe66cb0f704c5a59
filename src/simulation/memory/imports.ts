import type { DockerImports } from '../../engine/docker-imports.ts';
import type { NodeName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { FoundContainer } from '../../model/found-docker.ts';
import { getDataset } from './datasets.ts';
import type { MemoryDocker, MemoryMachine } from './types.ts';
import { append, callsOf, type MemoryWorld, noContent } from './world.ts';

/** Containers and volumes of Docker that are not drover's, as `MemoryNodeSeed.docker` describes them. */
export function createMemoryImports(world: MemoryWorld, node: NodeName): DockerImports {
  const { read, write } = callsOf(world, node, 'imports');
  return {
    find: (signal) =>
      read('find', signal, ({ docker }) => ({ containers: [...docker.containers.values()], volumes: docker.volumes })),
    measure: (directory, signal) =>
      read('measure', signal, ({ docker }) => ({ bytes: contentOf(docker, directory).bytes, files: 1, ms: 1 })),
    copy: (directory, dataset, progress, signal) =>
      write('copy', signal, (machine) => {
        const target = mounted(machine, dataset, node);
        const content = contentOf(machine.docker, directory);
        const isNew = target.content.version !== content.version;
        const bytes = isNew ? Math.max(1, content.written - target.content.written) : 0;
        target.content = content;
        target.filled = true;
        progress(bytes, bytes);
        // What runs writes on after it was read.
        const isUsed = usersOf(machine.docker, directory).some(({ isRunning }) => isRunning);
        if (isUsed) machine.docker.directories.set(directory, append(content, machine.docker.writesBytes));
        return { copied: isNew ? 1 : 0, bytes, removed: 0, ms: 1 };
      }),
    compare: (directory, dataset, how, signal) =>
      write('compare', signal, (machine) => {
        const target = mounted(machine, dataset, node);
        const content = contentOf(machine.docker, directory);
        const isSame = target.content.version === content.version;
        const differences = isSame || how === 'in-use' ? [] : ['data: has another content'];
        return { files: 1, bytes: content.bytes, knownBytes: 0, differences, ms: 1 };
      }),
    forget: (dataset, signal) => write('forget', signal, (machine) => void mounted(machine, dataset, node)),
    stop: (containers, signal) =>
      write('stop', signal, ({ docker }) => {
        for (const { id } of containers) change(docker, id, { isRunning: false, restart: { name: 'never' } });
      }),
    start: (containers, signal) =>
      write('start', signal, ({ docker }) => {
        for (const { id, isRunning, restart } of containers) change(docker, id, { isRunning, restart });
      }),
  };
}

const contentOf = ({ directories }: MemoryDocker, directory: string) => directories.get(directory) ?? noContent;

const usersOf = ({ containers }: MemoryDocker, directory: string): readonly FoundContainer[] =>
  [...containers.values()].filter(({ mounts }) => mounts.some(({ source }) => source === directory));

function change(docker: MemoryDocker, id: string, next: Partial<FoundContainer>): void {
  const found = docker.containers.get(id);
  if (found === undefined) throw new AppError('docker-failed', `no such container "${id}"`);
  docker.containers.set(id, { ...found, ...next });
}

function mounted(machine: MemoryMachine, dataset: string, node: NodeName) {
  const found = getDataset(machine, dataset);
  if (found.mounted && !found.readonly) return found;
  throw new AppError('volume-conflict', `cannot use dataset "${dataset}" on "${node}": it is not mounted`);
}
