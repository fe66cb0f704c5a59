import { describe, expect, it } from 'vitest';
import { appOf, complaints, load } from '../loading.ts';

/** A Compose file with one service `a`; no variable is set. */
const compose = (fields: string) => load(`services:\n  a:\n${fields.replace(/^/gm, '    ')}\n`);

describe('variables without a value', () => {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the text of Compose variables
  it.each([
    ['image: "${IMAGE}"', 'services/a/image: the variable "IMAGE" is not set, and there is no value without it'],
    ['image: "x:${TAG}"', 'services/a/image: the variable "TAG" is not set, and there is no value without it'],
    [
      'image: x\nports: ["${PORT}:80"]',
      'services/a/ports/0: the variable "PORT" is not set, and there is no value without it',
    ],
    ['image: "x:${TAG:?say it}"', 'services/a/image: a variable it needs is not set: TAG: say it'],
    ['image: "${x y}"', 'services/a/image: a "$" and its braces do not hold the name of a variable'],
    ['image: "${IMAGE"', 'services/a/image: the brace behind a "$" is not closed'],
    [
      'image: x\nmem_limit: "${M}"',
      'services/a/mem_limit: the variable "M" is not set, and there is no value without it',
    ],
  ])('%j is one problem', (fields, problem) => {
    expect(complaints(compose(fields))).toEqual([problem]);
  });

  it('says how to set one, and hides no value', () => {
    expect(compose('image: "x:${TAG}"')).toMatchObject({
      problems: [
        { line: 3, column: 12, hint: 'set it in .env or in the environment, or write a default: "${TAG:-value}"' },
      ],
    });
  });

  it('takes the empty text where that is a value', () => {
    expect(appOf(compose('image: x\nenvironment: {A: "${NONE}", B: "^a$"}')).environment).toEqual({ A: '', B: '^a$' });
  });
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the text of Compose variables
});
