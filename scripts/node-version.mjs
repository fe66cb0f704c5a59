// @ts-check
/** Oldest Node.js with everything the packages use; also `engines` in package.json. */
const OLDEST = { major: 20, minor: 19 };

/**
 * A sentence that asks for a newer Node.js where this one is too old, else undefined. The syntax here is old on purpose:
 * an old Node.js must be able to read it.
 * @param {string} version
 */
export function checkNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return undefined;
  return `drover needs Node.js ${OLDEST.major}.${OLDEST.minor} or newer, and this is ${version}: install a newer one from https://nodejs.org or your distribution, then run the command again.`;
}
