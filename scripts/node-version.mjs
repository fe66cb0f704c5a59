/** Oldest Node.js with everything the packages use; also `engines` in package.json. */
export const OLDEST = [20, 19];

/** One sentence where this Node.js is too old, else undefined. Its syntax is old on purpose: it must run anywhere. */
export function checkNode(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  return `drover needs Node.js ${OLDEST.join('.')} or newer, and this is ${version}: install a newer one from https://nodejs.org or your distribution, then run the command again.`;
}
