/**
 * Where an application file holds what is nobody else's business, as a path in any of its forms: every value under an
 * `environment`, and the `content` of a secret or config. One list for all that shows a part of a file.
 */
export function isSecretPath(path: string): boolean {
  const parts = path.split('/');
  return places.some((place) => place.every((part, index) => part === '*' || part === parts[index]) && parts.length >= place.length);
}

const places: readonly (readonly string[])[] = [
  ['services', '*', 'environment', '*'],
  ['applications', '*', 'environment', '*'],
  // Fig's form has its services at the top.
  ['*', 'environment', '*'],
  ['secrets', '*', 'content'],
  ['configs', '*', 'content'],
];
