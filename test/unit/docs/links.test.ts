import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorOf } from '../../../scripts/docs/commands.ts';
import { type Page, pageOf, pages, proseOf, root } from './pages.ts';

interface Target {
  readonly path: string;
  readonly anchor: string;
}

/** `[text](target)`, `![text](target)`, and `[text]: target`; addresses of other sites are not looked at. */
function targetsOf(page: Page): readonly Target[] {
  const prose = proseOf(page).replaceAll(/`[^`\n]*`/g, '`code`');
  const inline = [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
  const listed = [...prose.matchAll(/^\[[^\]]+\]: (\S+)$/gm)].map(([, target = '']) => target);
  return [...inline, ...listed]
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#');
      return { path: path === '' ? page.path : normalize(join(dirname(page.path), path)), anchor };
    });
}

/** Anchors as GitHub makes them; the second heading of the same words gets `-1`. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const bare = text.replaceAll(/^( *)```\w*\n[\s\S]*?^\1```$/gm, '');
  for (const [, heading = ''] of bare.matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = anchorOf(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, ''));
    let name = anchor;
    for (let count = 1; anchors.has(name); count += 1) name = `${anchor}-${count}`;
    anchors.add(name);
  }
  return anchors;
}

function deadLinks(page: Page): readonly string[] {
  return targetsOf(page).flatMap(({ path, anchor }) => {
    const full = join(root, path);
    if (!existsSync(full)) return [`${page.path}: there is no ${path}`];
    if (anchor === '' || !path.endsWith('.md')) return [];
    return anchorsOf(readFileSync(full, 'utf8')).has(anchor) ? [] : [`${page.path}: ${path} has no #${anchor}`];
  });
}

describe('links between pages', () => {
  it('lead somewhere, anchors included', () => {
    expect(pages.flatMap(targetsOf).length).toBeGreaterThan(80);
    expect(pages.flatMap(deadLinks)).toEqual([]);
  });

  it('are noticed when they are dead', () => {
    const page = { path: 'docs/made-up.md', text: '# A\n\n[a](#a) [b](nowhere.md) [c](faq.md#nothing) `[d](x)`\n' };
    expect(deadLinks({ ...page, path: 'docs/faq.md' })).toEqual([
      'docs/faq.md: docs/faq.md has no #a',
      'docs/faq.md: there is no docs/nowhere.md',
      'docs/faq.md: docs/faq.md has no #nothing',
    ]);
  });

  it('reach every page of docs/ from its index', () => {
    const index = targetsOf(pageOf('docs/README.md')).map(({ path }) => path);
    const missing = pages.filter(({ path }) => path.startsWith('docs/') && path !== 'docs/README.md');
    expect(missing.filter(({ path }) => !index.includes(path)).map(({ path }) => path)).toEqual([]);
  });
});
