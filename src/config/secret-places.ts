/**
 * Whether the value at this path of an application file may be secret, in any form of the file: every value under an
 * `environment`, and the `content` of a secret or config. Everything that shows or stores parts of a file uses it.
 */
export function isSecretPath(path: string): boolean {
  const parts = path.split('/');
  const [first = '', second, third] = parts;
  if (first === 'services' || first === 'applications') return third === 'environment' && parts.length >= 4;
  if (first === 'secrets' || first === 'configs') return third === 'content' && parts.length === 3;
  // Fig's form has its services at the top.
  return second === 'environment' && parts.length >= 3;
}
