import { readAppFiles } from '../app-files.ts';
import { noEnvironment, readEnvironment } from './environment.ts';
import { type ComposeArea, readKey } from './service.ts';

/** `environment`, and the files that a service names: `env_file`, `configs` and `secrets`. */
export const filesArea: ComposeArea = {
  read: (service, draft) => {
    const { entries, file } = service;
    const environment = readKey(service, 'environment', (place) => readEnvironment(place, file.context));
    const mountpoints = draft.volumes.map(({ value }) => value.mountpoint);
    const read = readAppFiles(entries, file.files, environment ?? noEnvironment, mountpoints);
    // The files of binds are there already.
    const files = [...(draft.files ?? []), ...(read.files ?? [])];
    return { ...draft, ...read, ...(files.length === 0 ? {} : { files }) };
  },
};
