import type { ImageRef, VolumeId } from '../../model/config.ts';
import { defaultVolumeId } from '../../model/names.ts';
import {
  complain,
  complainAtKey,
  inQuotes,
  type Place,
  type Placed,
  readInteger,
  readItems,
  readText,
  typed,
} from '../fields.ts';
import { applicationNameComplaint, type Parsed, parseAddress, parseImage, parseMountpoint } from '../values.ts';
import { quote } from '../yaml/yaml-node.ts';

/** What the three forms of the application file read in the same way. */

/** The value of a parsed text, or undefined after reporting what is wrong with it. */
export function accept<T>(place: Place, parsed: Parsed<T>, prefix = ''): T | undefined {
  return parsed.ok ? parsed.value : complain(place, `${prefix}${parsed.message}`, parsed.hint);
}

/** The address of a node at which a port is published, in its short form. */
export function checkPublishAddress(place: Place, text: string): string | undefined {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  return complain(place, `${quote(text)} is not an IP address at which a port can be published`, addressHint);
}

const addressHint = 'write an address of the node, such as 127.0.0.1; for an interface use "listen" in drover.yml';

/** Names of applications are strings that fit into names of containers and datasets. */
export function checkApplicationName(name: string, place: Place): boolean {
  if (place.key !== undefined && place.key.type !== 'text') {
    complainAtKey(
      place,
      `an application name must be a string, not ${quote(name)} unquoted`,
      inQuotes(place.key, 'put the name in quotes'),
    );
    return false;
  }
  const complaint = applicationNameComplaint(name);
  if (complaint !== undefined) complainAtKey(place, complaint);
  return complaint === undefined;
}

/** `repository[:tag][@digest]`. */
export function readImage(place: Place | undefined): ImageRef | undefined {
  if (place === undefined) return undefined;
  const text = readText(place, 'the image');
  return text === undefined ? undefined : accept(place, parseImage(text));
}

/** A path inside the container. */
export function readMountpoint(place: Place, what: string): string | undefined {
  const text = readText(place, what, 'put it in quotes');
  return text === undefined ? undefined : accept(place, parseMountpoint(text));
}

/**
 * Identity of a volume that is not given one: the application's first volume is the application's, whichever form the
 * file has and whatever its mountpoint; a further one is that of application and mountpoint. So a file that is written
 * in another form still means the same data.
 */
export function idOfVolume(app: string, mountpoint: string, isFirst: boolean): VolumeId {
  return defaultVolumeId(isFirst ? app : `${app}:${mountpoint}`);
}

/** A volume's identity as the file gives it, kept in a ZFS property: there "-" means "not set", and tools print one value on one line. */
export function checkVolumeId(place: Place, id: string, what: string): string | undefined {
  if (id !== '-' && id.length <= 200 && !/[\x00-\x1f\x7f]/.test(id)) return id;
  return complain(place, `${what} must be at most 200 characters, without control characters, and not "-"`);
}

/** Bytes as a positive integer; `hint` says what else the form takes. */
export function readBytes(place: Place, what: string, hint: string): number | undefined {
  const node = typed(place.node);
  if (node.kind === 'scalar' && node.type === 'text') {
    return complain(place, `${what} must be an integer, not the text ${quote(node.value)}`, hint);
  }
  return readInteger(place, what, 1, Number.MAX_SAFE_INTEGER);
}

/** A list of strings with at least one entry; `hint` helps those who wrote one string. */
export function readWords(place: Place, what: string, hint: string): readonly string[] | undefined {
  const items = readItems(place, what, 'a list of strings', hint);
  if (items === undefined) return undefined;
  if (items.length === 0) return complain(place, `${what} must not be empty`, "leave it out to use the image's own");
  const words = items.map((item) => {
    const text = readText(item, `a word of ${what}`);
    if (text?.includes('\0') === true) return complain(item, `a word of ${what} holds a NUL character`);
    return text;
  });
  return words.some((word) => word === undefined) ? undefined : words.filter((word) => word !== undefined);
}

/** Variable names: not empty, no `=`, no NUL; reported at `place`. */
export function checkVariable(place: Place, name: string, value: string): boolean {
  if (name === '') complainAtKey(place, 'the name of an environment variable must not be empty');
  else if (name.includes('=')) complainAtKey(place, `the environment variable name ${quote(name)} holds "="`);
  else if (`${name}${value}`.includes('\0'))
    complainAtKey(place, `the environment variable ${quote(name)} holds a NUL`);
  else return true;
  return false;
}

/** `NAME=value`, cut at the first `=`; a bare `NAME` has the empty value (Fig). */
export function readAssignments(items: readonly Place[]): (readonly [string, string])[] {
  return items.flatMap((item) => {
    const text = readText(item, 'an environment entry');
    if (text === undefined) return [];
    const cut = text.indexOf('=');
    const pair = cut < 0 ? ([text, ''] as const) : ([text.slice(0, cut), text.slice(cut + 1)] as const);
    return checkVariable(item, pair[0], pair[1]) ? [pair] : [];
  });
}

/** A `Placed` value, or nothing: for flatMap over items some of which cannot be read. */
export function placed<T>(value: T | undefined, place: Place): Placed<T>[] {
  return value === undefined ? [] : [{ value, place }];
}
