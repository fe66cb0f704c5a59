import { describe, expect, it } from 'vitest';
import { placeOfApplication } from '../../../../src/config/edit/place.ts';

describe('placeOfApplication', () => {
  it.each([
    ['the native form', 'version: 1\napplications:\n  web:\n    image: a\n  db: {image: b}\n', 5, 3],
    ['one line', 'version: 1\napplications: {web: {image: a}, "db": {image: b}}\n', 2, 33],
    ['Compose', 'services:\n  web: {image: a}\n  db:\n    image: b\n', 3, 3],
    ['Fig', 'web:\n  image: a\ndb:\n  image: b\n', 3, 1],
    ['a byte order mark and CRLF', '\uFEFFservices:\r\n  db: {image: b}\r\n', 2, 3],
    ['comments that have the name', '# db:\nservices:\n  # db: x\n  db: {image: b}\n', 4, 3],
    ['a broken value elsewhere', 'services:\n  web: {image: [}]}\n  db: {image: b}\n', undefined, undefined],
  ])('finds the name in %s', (_what, text, line, column) => {
    expect(placeOfApplication(text, 'db')).toEqual(line === undefined ? undefined : { line, column });
  });

  it('does not take a value or a key of something else for the application', () => {
    const text = 'version: 1\napplications:\n  web:\n    image: db\n    environment: {db: "1"}\n';
    expect(placeOfApplication(text, 'db')).toBeUndefined();
    expect(placeOfApplication('', 'db')).toBeUndefined();
    expect(placeOfApplication('- db\n', 'db')).toBeUndefined();
  });
});
