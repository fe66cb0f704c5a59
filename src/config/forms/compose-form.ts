import { defined } from '../../model/defined.ts';
import { readComposeName } from '../deployment-name.ts';
import type { Draft, Drafts } from '../draft.ts';
import type { FileContext } from '../env/file-context.ts';
import { complainAtKey, entriesOf, type Place, readFields } from '../fields.ts';
import { quote } from '../yaml/yaml-node.ts';
import { readTopFiles } from './app-files.ts';
import { checkKeys, noteKey } from './compose/check-keys.ts';
import { filesArea } from './compose/files.ts';
import { networkArea } from './compose/network.ts';
import { orderArea } from './compose/order.ts';
import type { ComposeArea, ComposeFile, ComposeService, ReadService } from './compose/service.ts';
import { settingsArea } from './compose/settings.ts';
import { readTopVolumes } from './compose/top-volumes.ts';
import { volumesArea } from './compose/volumes.ts';
import { volumesFromArea } from './compose/volumes-from.ts';
import { checkApplicationName, readImage } from './read-parts.ts';

/** What is read of each service, one part after the other: a later one sees what the earlier ones found. */
const areas: readonly ComposeArea[] = [settingsArea, networkArea, volumesArea, filesArea, volumesFromArea, orderArea];

/** Compose's form, of files that are merged already; compose/keys.ts says what becomes of each key. */
export function readComposeForm(root: Place, context: FileContext): Drafts {
  const entries = entriesOf(root);
  checkKeys(root, 'file');
  const services = entries.get('services');
  const fields = services === undefined ? undefined : readFields(services, '"services"');
  const file: ComposeFile = {
    entries,
    context,
    names: new Set(fields?.entries.keys()),
    files: readTopFiles(entries, context),
    volumes: readTopVolumes(entries.get('volumes')),
    volumeIds: new Map(),
  };
  const read = [...(fields?.entries ?? [])].flatMap(([name, place]) => readService(name, place, file));
  const finished = areas.reduce<readonly ReadService[]>((all, { finish }) => finish?.(all, file) ?? all, read);
  const name = readComposeName(entries.get('name'));
  const drafts = finished.map(({ draft }) => draft);
  return { format: 'compose', names: file.names, drafts, ...defined({ deploymentName: name }) };
}

function readService(name: string, place: Place, file: ComposeFile): readonly ReadService[] {
  const isNamed = checkApplicationName(name, place);
  const fields = readFields(place, `the service ${quote(name)}`);
  if (fields === undefined) return [];
  checkKeys(place, 'service');
  const service: ComposeService = { name, place, entries: fields.entries, file };
  const empty: Draft = {
    name,
    place,
    ...defined({ image: readServiceImage(service) }),
    ports: [],
    links: [],
    environment: [],
    volumes: [],
    restartPolicy: { name: 'never' },
  };
  const draft = areas.reduce((sofar, { read }) => read?.(service, sofar) ?? sofar, empty);
  return isNamed ? [{ service, draft }] : [];
}

/** With `image`, `build` says how that image is made, which happens elsewhere. */
function readServiceImage({ place, entries }: ComposeService): Draft['image'] {
  const image = entries.get('image');
  const build = entries.get('build');
  if (build !== undefined && image !== undefined) {
    noteKey(build, 'the image is built elsewhere, and drover runs "image"');
  } else if (build !== undefined) {
    build.report({
      offset: build.keyOffset,
      path: build.path,
      message: 'the key "build" is not supported: drover runs images that exist',
      unsupported: 'build',
      hint: 'run "docker build -t NAME .", push the image, or copy it to the nodes with "docker save", and write "image: NAME"',
    });
  } else if (image === undefined) complainAtKey(place, '"image" is missing');
  return readImage(image);
}
