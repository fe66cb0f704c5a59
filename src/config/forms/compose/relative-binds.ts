import type { VolumeMount } from '../../../model/config.ts';
import type { ContainerFile } from '../../../model/container/file.ts';
import { unpackTree } from '../../../model/container/file-tree.ts';
import { SealedContent } from '../../../model/container/sealed-content.ts';
import { defined } from '../../../model/defined.ts';
import { complain, entriesOf, note } from '../../fields.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { idOfVolume } from '../read-parts.ts';
import { type BindPart, plainPath, readChoice } from './mount-parts.ts';
import { type ComposeService, sharedId } from './service.ts';

/** What a bind of a path next to the Compose file becomes. */
export type RelativeBind =
  | { readonly kind: 'file'; readonly value: ContainerFile }
  | { readonly kind: 'volume'; readonly value: VolumeMount };

/**
 * The nodes do not have the folder of the Compose file. Files, and folders with files, go with the application: every
 * node gets them, and the container can only read them. What is not there yet, or empty, is where the application is
 * to write: a volume. Content that is too large to go along is never replaced by an empty volume. Undefined after
 * reporting why it is neither.
 */
export function readRelativeBind(service: ComposeService, bind: BindPart): RelativeBind | undefined {
  const { source, mountpoint, place, readOnly } = bind;
  const choice = bind.choice ?? choiceOf(service.entries);
  if (choice === 'volume') return volumeOf(service, bind);
  if (choice === 'local') {
    return complain(
      place,
      `${quote(source)} cannot stay on its node: the nodes do not have the folder of this file`,
      `write the full path that it has on the node: "/path/of/the/node:${mountpoint}"`,
    );
  }
  const reading = service.file.context.read(source, 'bind');
  const tree = reading.kind === 'bytes' ? unpackTree(reading.bytes) : undefined;
  const isEmpty = tree?.isFolder === true && tree.files.every(({ path }) => placeholders.includes(path));
  if (reading.kind === 'bytes' && !isEmpty) {
    if (readOnly === undefined && choice === undefined)
      note(place, `${quote(source)} goes with the application: the container cannot write to it`);
    const content = new SealedContent(reading.bytes);
    return {
      kind: 'file',
      value: { kind: 'file', name: source, target: mountpoint, uid: 0, gid: 0, mode: 0, content },
    };
  }
  if (reading.kind === 'unreadable') {
    const what =
      readOnly === true || choice === 'files'
        ? 'cannot go with the application'
        : 'has content that would not be in a volume';
    return complain(place, `${quote(source)} ${what}: ${reading.why}`, unfitHint);
  }
  const isShared = service.file.volumeIds.has(folderKey(source));
  if ((readOnly === true && !isShared) || choice === 'files') {
    return complain(
      place,
      `${quote(source)} ${isEmpty ? 'is empty' : 'does not exist'}`,
      'create it, or write the full path of the node',
    );
  }
  note(place, `${quote(source)} is not on the nodes: it becomes a volume of ${quote(service.name)} that begins empty`);
  return volumeOf(service, bind);
}

/** Files that only keep an empty folder in git. */
const placeholders: readonly string[] = ['.gitkeep', '.gitignore', '.keep'];

const unfitHint =
  'write the full path of a folder that the nodes have; or, to begin with an empty volume, "x-drover: {bind: volume}"';

/** No name of a volume has a slash. */
const folderKey = (source: string): string => `./${plainPath(source)}`;

const volumeOf = ({ name: app, file }: ComposeService, { source, mountpoint, readOnly }: BindPart): RelativeBind => ({
  kind: 'volume',
  value: {
    id: sharedId(file, folderKey(source), idOfVolume(app, mountpoint, false)),
    hasFixedId: true,
    mountpoint,
    ...defined({ readOnly }),
  },
});

function choiceOf(entries: ComposeService['entries']): ReturnType<typeof readChoice> {
  const own = entries.get('x-drover');
  return own === undefined ? undefined : readChoice(entriesOf(own).get('bind'));
}
