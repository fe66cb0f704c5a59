import type { VolumeId } from '../../../model/config.ts';
import type { Draft } from '../../draft.ts';
import type { FileContext } from '../../env/file-context.ts';
import type { Place } from '../../fields.ts';
import type { TopFiles } from '../app-files.ts';
import type { VolumeDefinitions } from './top-volumes.ts';

/** What the top level of a Compose file says; each area reads its part before the services.
 * Types that areas share are here, since an area may not import what imports it. */
export interface ComposeFile {
  readonly entries: ReadonlyMap<string, Place>;
  readonly context: FileContext;
  /** Of all services, readable or not. */
  readonly names: ReadonlySet<string>;
  readonly files: TopFiles;
  readonly volumes: VolumeDefinitions;
  /** By name, or by the path of a folder next to the file: the id of the volume that all services have which mount it. */
  readonly volumeIds: Map<string, VolumeId>;
}

/** One service as it is written; `entries` are its keys. */
export interface ComposeService {
  readonly name: string;
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Place>;
  readonly file: ComposeFile;
}

/** The id of a folder that several services may mount: the first of them in the file decides it. */
export function sharedId({ volumeIds }: ComposeFile, source: string, own: VolumeId): VolumeId {
  const id = volumeIds.get(source) ?? own;
  volumeIds.set(source, id);
  return id;
}

/** What one area of the Compose form reads; the areas run in the order of the list in compose-form.ts. */
export interface ComposeArea {
  /** The draft with the area's own keys of the service, which were checked before. */
  readonly read?: (service: ComposeService, draft: Draft) => Draft;
  /** What can be said when all services are read: the drafts again, in the same order. */
  readonly finish?: (services: readonly ReadService[], file: ComposeFile) => readonly ReadService[];
}

export interface ReadService {
  readonly service: ComposeService;
  readonly draft: Draft;
}

/** The value of a key, if the service has it. */
export function readKey<T>({ entries }: ComposeService, key: string, read: (place: Place) => T): T | undefined {
  const place = entries.get(key);
  return place === undefined ? undefined : read(place);
}
