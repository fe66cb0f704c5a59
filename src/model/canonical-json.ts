import { SealedContent } from './container/sealed-content.ts';

/**
 * JSON with the keys of objects in order, so that equal values have equal texts. Of large configurations as well: plain
 * loops, and no work on the many texts that are quoted as they are.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoteJson(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${value.map(canonicalJson).join(',')}]`;
  if (value instanceof SealedContent) return JSON.stringify(value);
  let text = '';
  // Without a function, sort is by code units.
  for (const key of Object.keys(value).sort()) {
    const item: unknown = Reflect.get(value, key);
    if (item !== undefined) text += `${text === '' ? '' : ','}${quoteJson(key)}:${canonicalJson(item)}`;
  }
  return `{${text}}`;
}

const plainText = /^[ !#-[\]-~]*$/;
const quoteJson = (text: string): string => (plainText.test(text) ? `"${text}"` : JSON.stringify(text));
