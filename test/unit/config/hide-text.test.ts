import { describe, expect, it } from 'vitest';
import { fillSecrets, hideSecrets } from '../../../src/config/hide-text.ts';

const samples: Readonly<Record<string, string>> = {
  native: `version: 1
applications:
  web:
    image: acme/web:1   # a comment
    environment:
      PLAIN: hunter2
      QUOTED: "hunter2 \\"x\\""
      SINGLE: 'hunter2'
      BLOCK: |-
        hunter2
          hunter3
      FOLDED: >
        hunter2
        hunter3

      EMPTY:
      LAST: "hunter2"
    ports: [{internal: 80, external: 8080}]
secrets: {s: {environment: X}}
configs:
  c:
    content: |
      hunter2
`,
  compose: `x-env: &env
  SHARED: hunter2
x-all: &all
  environment: {DEEP: hunter2}
services:
  a:
    image: i:1
    environment:
      <<: *env
      OWN: hunter2
  b:
    <<: *all
    image: i:1
  c:
    image: i:1
    environment: [A=hunter2, "B=hunter2 x", BARE, 'C=']
  environment:
    image: i:2
`,
  fig: 'web: {image: i, environment: {A: hunter2}}\n',
  windows:
    '\uFEFFapplications:\r\n  web:\r\n    environment:\r\n      A: hunter2\r\n      B: |\r\n        hunter2\r\nversion: 1\r\n',
  end: 'applications: {web: {environment: {A: |\n',
};

describe('secret values of an application file', () => {
  it.each(Object.entries(samples).filter(([name]) => name !== 'end'))(
    '%s: none is left, all else is',
    (_name, text) => {
      const hidden = hideSecrets(text);
      expect(hidden?.text).not.toContain('hunter');
      expect(hidden?.values.every(([, value]) => value === '' || value.includes('hunter2'))).toBe(true);
      for (const kept of ['image: i:2', 'BARE', '# a comment', 'image: acme/web:1', 'external: 8080', 'X}']) {
        expect(hidden?.text.includes(kept)).toBe(text.includes(kept));
      }
      // Done twice, it is the same.
      expect(hideSecrets(hidden?.text ?? '')?.text).toBe(hidden?.text);
    },
  );

  it.each(Object.entries(samples).filter(([name]) => name !== 'end'))(
    '%s: filled with its own, it is the same',
    (_name, text) => {
      expect(fillSecrets(hideSecrets(text)?.text ?? '', text)).toEqual({ text });
    },
  );

  it('are not looked for in what cannot be read', () => {
    expect(hideSecrets(samples.end ?? '')).toBeUndefined();
  });

  it('come from the same places of another version, however that is written', () => {
    const before = 'services:\n  w:\n    image: i:1\n    environment: [A=old1, B=old2]\n';
    const now =
      'services:\n  w:\n    image: i:2\n    environment:\n      B: "new 2"\n      A: |\n        new\n        1\n';
    expect(fillSecrets(hideSecrets(before)?.text ?? '', now)).toEqual({
      text: 'services:\n  w:\n    image: i:1\n    environment: ["A=new\\n1\\n", "B=new 2"]\n',
    });
  });

  it('are named where the other version does not have them', () => {
    const before = 'services: {w: {image: i, environment: {A: x, B: y}}}';
    const now = 'services: {w: {image: i, environment: {A: z}}}';
    expect(fillSecrets(hideSecrets(before)?.text ?? '', now)).toEqual({ missing: ['services/w/environment/B'] });
  });
});
