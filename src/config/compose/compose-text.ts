import { dump } from 'js-yaml';

/**
 * A Compose file as text: `comments` at the top, one `#` line each. A dollar sign in a value stands for itself. Keys with
 * an undefined value are left out.
 */
export function composeText(comments: readonly string[], file: Readonly<Record<string, unknown>>): string {
  const body = dump(withDollars(file), { lineWidth: -1, noRefs: true, sortKeys: false, quoteStyle: 'double' });
  return `${comments.map((line) => `# ${line}\n`).join('')}${body.replace(/^(\s*[^\s:#][^:\n]*): null$/gm, '$1:')}`;
}

/** Compose replaces `$NAME`; `$$` is a dollar sign. */
function withDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(withDollars);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => (each === undefined ? [] : [[key, withDollars(each)]])),
  );
}
