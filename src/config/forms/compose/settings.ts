import { type ContainerField, containerFields, type RestartPolicy } from '../../../model/container-fields.ts';
import { defined } from '../../../model/defined.ts';
import { suggest } from '../../did-you-mean.ts';
import { complain, type Place, readText, scalarAt } from '../../fields.ts';
import { splitShellWords } from '../../shell-words.ts';
import { parseSize } from '../../values.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { commonReaders, readSettings, type SettingReaders } from '../container-settings.ts';
import { accept, readBytes, readWords } from '../read-parts.ts';
import type { ComposeArea } from './service.ts';

/** The keys that are settings of a container. */
export const settingsArea: ComposeArea = {
  read: ({ entries }, draft) => ({
    ...draft,
    ...readSettings('compose', entries, readers),
    ...(secretKeys.some((key) => hasVariables(entries.get(key))) ? { hidesCommand: true } : {}),
  }),
};

const readers: SettingReaders = {
  ...commonReaders,
  bytes: readMemoryLimit,
  restart: readRestart,
  words: readCommand,
};

const secretKeys = containerFields.flatMap(({ keys, mayBeSecret }: ContainerField) =>
  mayBeSecret === true ? (keys.compose ?? []) : [],
);

/** Words or one text with the value of a variable in it. */
function hasVariables(place: Place | undefined): boolean {
  const node = place?.node;
  if (node?.kind === 'list') return node.items.some((item) => item.kind === 'scalar' && item.from !== undefined);
  return node?.kind === 'scalar' && node.from !== undefined;
}

function readMemoryLimit(place: Place, what: string): number | undefined {
  const { node } = place;
  if (node.kind !== 'scalar' || node.type !== 'text') return readBytes(place, what, '');
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([bkmgt]?)b?$/i.exec(node.value);
  if (match === null) return complain(place, `${what}: ${quote(node.value)} is not a size`, 'write "512m" or bytes');
  const unit = match[2]?.toLowerCase() === 'b' ? '' : (match[2] ?? '');
  return accept(place, parseSize(`${match[1]}${unit}`), `${what}: `);
}

function readRestart(place: Place): RestartPolicy | undefined {
  const hint = 'use no, always, unless-stopped or on-failure[:N]';
  const { node } = place;
  // YAML 1.1 writers leave `no` unquoted; here it is text, and only `false` written out is a truth value.
  const text =
    node.kind === 'scalar' && node.type === 'boolean' && !node.value ? 'no' : readText(place, '"restart"', hint);
  if (text === undefined) return undefined;
  if (text === 'no') return { name: 'never' };
  if (text === 'always' || text === 'unless-stopped') return { name: text };
  const match = /^on-failure(?::([1-9][0-9]{0,8}))?$/.exec(text);
  if (match === null) {
    const words = ['always', 'unless-stopped', 'on-failure'];
    return complain(
      place,
      `"restart": ${quote(text)} is not a restart policy`,
      () => suggest(scalarAt(place), words) ?? hint,
    );
  }
  return {
    name: 'on-failure',
    ...defined({ maximumRetryCount: match[1] === undefined ? undefined : Number(match[1]) }),
  };
}

function readCommand(place: Place, what: string): readonly string[] | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'null') return undefined;
  if (node.kind !== 'scalar' || node.type !== 'text') {
    return readWords(place, what, 'write one string or a list of strings');
  }
  const words = splitShellWords(node.value);
  if (words === undefined) return complain(place, `${what} has a quote that is not closed`);
  if (node.value.includes('\0')) return complain(place, `${what} holds a NUL character`);
  return words.length > 0 ? words : complain(place, `${what} must not be empty`, "leave it out to use the image's own");
}
