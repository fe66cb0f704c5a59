import { type ContainerField, containerFields, type RestartPolicy } from '../../../model/container/fields.ts';
import { type ContainerOptions, type Json, openOption, sealOption } from '../../../model/container/options.ts';
import { defined } from '../../../model/defined.ts';
import { suggest } from '../../did-you-mean.ts';
import type { Draft } from '../../draft.ts';
import { readEnvFiles } from '../../env/env-files.ts';
import { complain, complainAtKey, type Place, readText, scalarAt } from '../../fields.ts';
import { splitShellWords } from '../../shell-words.ts';
import { isNothing, quote } from '../../yaml/yaml-node.ts';
import { checkLabel, checkLimits, hasVariables, readOptions } from '../container-options.ts';
import { commonReaders, readSettings, type SettingReaders } from '../container-settings.ts';
import { readBytes } from '../option-values.ts';
import { readWords } from '../read-parts.ts';
import { noteKey } from './check-keys.ts';
import { readDeploy, readReplicas } from './deploy.ts';
import type { ComposeArea, ComposeService } from './service.ts';

/** The keys that are settings of a container. */
export const settingsArea: ComposeArea = {
  read: (service, draft) => {
    const { entries, file } = service;
    const { options } = readOptions(askedFor(service), file.context);
    const own = {
      ...draft,
      ...readSettings('compose', entries, readers),
      ...addLabelFiles(service, options),
      ...readPullPolicy(service),
      ...(secretKeys.some((key) => isFromVariables(entries.get(key))) ? { hidesCommand: true as const } : {}),
    };
    if (own.entrypoint?.length === 0 && own.command?.length === 0) complainOfNothing(service);
    const whole = readDeploy(service, own);
    checkLimits(whole, entries);
    return whole;
  },
  // A service that is scaled to nothing is a known name without a container.
  finish: (services) => services.filter(({ service }) => readReplicas(service) !== 0),
};

const readers: SettingReaders = {
  ...commonReaders,
  bytes: (place, what) => readBytes(place, what),
  restart: readRestart,
  words: readCommand,
};

const secretKeys = containerFields.flatMap(({ keys, mayBeSecret }: ContainerField) =>
  mayBeSecret === true ? (keys.compose ?? []) : [],
);

/** Docker would take the command of the image. */
function complainOfNothing({ entries, place }: ComposeService): void {
  complainAtKey(
    entries.get('command') ?? place,
    '"command" and "entrypoint" are both empty: nothing would run',
    'leave one of them out',
  );
}

const isFromVariables = (place: Place | undefined): boolean => place !== undefined && hasVariables(place.node);

/** Docker's own bridge is what every container has. */
const ownNetwork = ['bridge', 'default', ''];

/** The keys of the service without those that ask for what is the case anyway. */
function askedFor({ entries }: ComposeService): ReadonlyMap<string, Place> {
  const mode = entries.get('network_mode');
  if (mode?.node.kind !== 'scalar') return entries;
  if (ownNetwork.includes(mode.node.source)) {
    noteKey(mode, "every container is in Docker's bridge");
    return new Map([...entries].filter(([key]) => key !== 'network_mode'));
  }
  const other = ['ports', 'networks'].find((key) => entries.has(key));
  if (other !== undefined) {
    complainAtKey(
      mode,
      `"network_mode" and ${quote(other)} exclude each other: with it a container has no ports or networks of its own`,
      `remove ${quote(other)}, or "network_mode"`,
    );
  }
  return entries;
}

/** `label_file` under the labels of the service, and sealed, as everything from such files is. */
function addLabelFiles(
  { entries, file }: ComposeService,
  options: ContainerOptions | undefined,
): Pick<Draft, 'options'> {
  const place = entries.get('label_file');
  if (place === undefined) return defined({ options });
  const pairs = readEnvFiles(place, file.context, []).filter(([name]) => checkLabel(name, place));
  const own = options?.labels === undefined ? {} : openOption(options.labels);
  const labels: Json = { ...Object.fromEntries(pairs), ...(own as Readonly<Record<string, Json>>) };
  return { options: { ...options, labels: sealOption(labels) } };
}

const otherPolicy = /^(?:missing|if_not_present|refresh|daily|weekly|every_(?:[0-9]+[wdhms])+)$/;

function readPullPolicy({ entries }: ComposeService): Pick<Draft, 'pullPolicy'> {
  const place = entries.get('pull_policy');
  if (place?.node.kind !== 'scalar') return {};
  const { source } = place.node;
  if (source === 'always' || source === 'never') return { pullPolicy: source };
  if (source === 'build') {
    const hint = 'build and push the image, then use missing';
    complain(place, '"pull_policy": drover builds no images', hint);
  } else if (!otherPolicy.test(source)) {
    complain(place, `${quote(source)} is not a pull policy`, 'use missing, always or never');
  } else if (source !== 'missing' && source !== 'if_not_present') {
    noteKey(place, 'drover pulls an image where a node does not have it; use always for every new container');
  }
  return {};
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

/** One text is cut into words as a shell does it. `[]` and `""` clear what the image has. */
function readCommand(place: Place, what: string): readonly string[] | undefined {
  const { node } = place;
  if (isNothing(node)) return undefined;
  if (node.kind === 'list') {
    const words = node.items.length === 0 ? [] : readWords(place, what, 'write one string or a list of strings');
    // What Compose users write to clear an entrypoint.
    return words?.length === 1 && words[0] === '' ? [] : words;
  }
  const text = readText(place, what, 'write one string or a list of strings');
  if (text === undefined) return undefined;
  const words = splitShellWords(text);
  if (words === undefined) return complain(place, `${what} has a quote that is not closed`);
  return text.includes('\0') ? complain(place, `${what} holds a NUL character`) : words;
}
