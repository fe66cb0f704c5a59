/**
 * Where an application file holds what is nobody else's business, as a path in any of its forms: every value under an
 * `environment`, and the `content` of a secret or config. One list for all that shows or keeps a part of a file.
 */
export function isSecretPath(path: string): boolean {
  const parts = path.split('/');
  const [first = '', second, third] = parts;
  if (first === 'services' || first === 'applications') return third === 'environment' && parts.length >= 4;
  if (first === 'secrets' || first === 'configs') return third === 'content' && parts.length === 3;
  // Fig's form has its services at the top.
  return second === 'environment' && parts.length >= 3;
}
