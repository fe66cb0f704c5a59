import { renameTo } from '../did-you-mean.ts';
import type { Drafts } from '../draft.ts';
import type { FileContext } from '../env/file-context.ts';
import { complain, complainAtKey, entriesOf, type Fields, keysOfMaps, type Place, readFields } from '../fields.ts';
import { readComposeForm } from './compose-form.ts';
import { readFigForm } from './fig-form.ts';
import { readNativeForm } from './native-form.ts';

/** The application file in whichever of its three forms; undefined after reporting that it has none. */
export function readApplicationFile(root: Place, context: FileContext): Drafts | undefined {
  const fields = readFields(root, 'the application configuration');
  if (fields === undefined) return undefined;
  const { entries } = fields;
  if (isSection(entries.get('applications'))) return readNativeForm(fields, context);
  if (isSection(entries.get('services'))) return readComposeForm(root, context);
  if ([...entries.values()].some(isService)) return readFigForm(fields, context);
  return entries.has('version') ? missingApplications(fields) : noForm(fields);
}

/** Present, and not a Fig service that happens to have this name. */
const isSection = (place: Place | undefined): boolean => place !== undefined && !isService(place);

/** A mapping whose `image` or `build` is not itself an application: an application may be called `image`. */
function isService(place: Place): boolean {
  const entries = entriesOf(place);
  return ['image', 'build'].some((key) => {
    const entry = entries.get(key);
    return entry !== undefined && (entry.node.kind !== 'map' || key === 'build') && !isServiceMap(entry);
  });
}

const isServiceMap = (place: Place): boolean => place.node.kind === 'map' && entriesOf(place).has('image');

function missingApplications(fields: Fields): undefined {
  return complainAtKey(fields.place, '"applications" is missing', () => {
    return renameTo('applications', keysOfMaps(fields)) ?? 'list them under "applications", each with its "image"';
  });
}

function noForm(fields: Fields): undefined {
  return complain(
    fields.place,
    'the application configuration has none of the known forms',
    'write "version: 1" and "applications: {NAME: {image: …}}"; Fig and Compose ("services:") files are read too',
  );
}
