import { defined } from '../model/defined.ts';
import { type ComposeOptions, readComposeModel } from './compose/compose-model.ts';
import type { FirstFile } from './compose/open-file.ts';
import type { DisabledServices } from './compose/profiles.ts';
import { renameTo } from './did-you-mean.ts';
import type { Drafts } from './draft.ts';
import type { FileContext } from './env/file-context.ts';
import type { NamedFiles } from './env/named-files.ts';
import { complain, complainAtKey, entriesOf, type Fields, keysOfMaps, type Place, readFields } from './fields.ts';
import { readComposeForm } from './forms/compose-form.ts';
import { readFigForm } from './forms/fig-form.ts';
import { readNativeForm } from './forms/native-form.ts';
import { quote, type YamlNode } from './yaml/yaml-node.ts';

/** The applications of a file, and the services of a Compose file that its profiles leave out. */
export type ApplicationDrafts = Drafts & {
  readonly disabled?: DisabledServices;
  /** What was read: of a Compose file, all that belongs to it, merged and with its variables replaced. */
  readonly tree: YamlNode;
};

/** The application file in whichever of its three forms; undefined after reporting that it has none. */
export function readApplicationFile(
  first: FirstFile,
  context: FileContext,
  namedFiles: NamedFiles,
  options: ComposeOptions,
): ApplicationDrafts | undefined {
  const fields = readFields(first.root, 'the application configuration');
  if (fields === undefined) return undefined;
  const { entries } = fields;
  const isNative = isSection(entries.get('applications'));
  const isFig = !isNative && !isSection(entries.get('services')) && [...entries.values()].some(isService);
  const isFurther = options.isFound === true || (options.overrides ?? []).length > 0;
  if (!isNative && !isFig && (isSection(entries.get('services')) || entries.has('include') || isFurther)) {
    return readCompose(first, context, namedFiles, options);
  }
  if ((options.overrides ?? []).length > 0) {
    return complain(first.root, 'only Compose files can be merged', 'name one application file with -a');
  }
  const tree = first.root.node;
  if (isNative) return { ...readNativeForm(fields, context), tree };
  if (isFig) return { ...readFigForm(fields, context), tree };
  return entries.has('version') ? missingApplications(fields) : noForm(fields);
}

function readCompose(
  first: FirstFile,
  context: FileContext,
  namedFiles: NamedFiles,
  options: ComposeOptions,
): ApplicationDrafts | undefined {
  for (const name of options.unused ?? []) {
    const message = `${quote(name)} is not read: this file goes before it`;
    first.root.report({ offset: first.root.node.offset, path: '', message, isNote: true });
  }
  const { root, disabled } = readComposeModel(first, context, namedFiles, options);
  if (root === undefined) return undefined;
  if (disabled.size === 0 && !entriesOf(root).has('services')) {
    return complainAtKey(root, '"services" is missing', 'list them under "services", each with its "image"');
  }
  const further = defined({ disabled: disabled.size === 0 ? undefined : disabled });
  return { ...readComposeForm(root, context), ...further, tree: root.node };
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
