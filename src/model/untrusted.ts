/**
 * A node's output is untrusted input. Before a word from a node reaches a file or a command of another node, or of this
 * machine, it must match one of the forms in this file. No form allows a control character, a space, a quote or
 * anything else with a meaning for a shell, sshd or zfs, except where its comment says so.
 */

/** An IPv4 address without leading zeros, which some programs read as octal. */
const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** True for an IP address as text: no name, no zone, no prefix length, no brackets. */
export function isAddress(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > 45) return false;
  if (ipv4.test(text)) return true;
  // The URL parser knows all forms of IPv6.
  return /^[0-9A-Fa-f:]+(?:\d+(?:\.\d+){3})?$/.test(text) && text.includes(':') && URL.canParse(`http://[${text}]`);
}

/** A TCP or UDP port. */
export const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;

/** The public key of one transfer, as `ssh-keygen -t ed25519` prints it, without its comment: type and 51 bytes. */
export const isTransferKey = (text: unknown): text is string =>
  typeof text === 'string' && /^ssh-ed25519 [A-Za-z0-9+/]{68}$/.test(text);

/** Longer than the longest key in use (RSA with 16,384 bits). */
const longestKey = 4_096;

/** `type base64`: nothing that sshd, ssh or a shell could take for an option, a second line or a second key. */
export const isHostKey = (text: unknown): text is string =>
  typeof text === 'string' && text.length <= longestKey && /^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}$/.test(text);

/** A node's id, which other nodes store as the owner of a volume; provisioning writes a UUID. */
export const isNodeId = (text: unknown): text is string =>
  typeof text === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);

/** An application's name, which becomes part of names of containers, datasets and units. */
export const isApplicationName = (text: unknown): text is string =>
  typeof text === 'string' && text.length <= 100 && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text) && !isBuiltIn(text);

/** True for a property of every JavaScript object (`constructor`, `toString`), which a look-up finds in any object. */
export const isBuiltIn = (text: string): boolean => text in Object.prototype;

/** A volume's id. All forms of the files are stricter. */
export const isVolumeId = (text: unknown): text is string =>
  typeof text === 'string' && text !== '' && text.length <= 200;

/** What a Compose file calls a volume. Its id has the name of the deployment in front, and is a volume's id still. */
export const isVolumeName = (text: unknown): text is string =>
  typeof text === 'string' && text.length <= 128 && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text);

/** Names a deployment, in the form that Compose has for the name of a project. */
export const isDeploymentName = (text: unknown): text is string =>
  typeof text === 'string' && /^[a-z0-9][a-z0-9_-]{0,62}$/.test(text);

/** A 64-bit number of ZFS as text: a guid or a transaction group. */
export const isZfsNumber = (text: unknown): text is string => typeof text === 'string' && /^\d{1,20}$/.test(text);

/** The flags of `zfs send` in a volume's `drover:flags`; everything else in the text is ignored. */
export const sendFlags = (text: string | undefined): readonly string[] =>
  (text ?? '').split(' ').filter((flag) => flag === '-L' || flag === '-c' || flag === '-w');

/** An image's id: the digest of its configuration (or, in containerd's store, of its manifest). */
export const isImageId = (text: unknown): text is string =>
  typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text);
