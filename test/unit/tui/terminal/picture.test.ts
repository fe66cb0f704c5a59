import { describe, expect, it } from 'vitest';
import { frameAnsi, frameSvg, frameText } from '../../../../src/tui/frame/picture.ts';
import { parseAnsi } from '../../../../src/tui/text/ansi.ts';

const rows = [
  '\u001b[1mdrover\u001b[0m  <a & "b">   ',
  '╭─ \u001b[32malpha\u001b[0m ─╮',
  '│字 \u001b[7m●\u001b[0m ▌░│',
  '',
];

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Every element with the text directly in it; throws where the document is not well-formed. */
function parseXml(xml: string): readonly Element[] {
  const elements: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: (typeof elements)[number][] = [];
  let at = 0;
  const token = /<(\/?)([a-z]\w*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<>]+)/giy;
  while (at < xml.length) {
    token.lastIndex = at;
    const match = token.exec(xml);
    if (match === null) throw new Error(`not well-formed at "${xml.slice(at, at + 40)}"`);
    at = token.lastIndex;
    const [, closes, name = '', attributes = '', isEmpty, text] = match;
    if (text !== undefined) {
      if (/&(?!(?:amp|lt|gt|quot);)/.test(text)) throw new Error(`a bare & in "${text}"`);
      const owner = open.at(-1);
      if (owner !== undefined) owner.text += unescape(text);
    } else if (closes === '/') {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes something else`);
    } else {
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]);
      const element = { name, attributes: Object.fromEntries(pairs), text: '' };
      elements.push(element);
      if (isEmpty !== '/') open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)?.name}> is not closed`);
  return elements;
}

const unescape = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');

describe('pictures of a frame', () => {
  it('as text have no styles and no spaces at the ends of lines', () => {
    expect(frameText(rows)).toBe('drover  <a & "b">\n╭─ alpha ─╮\n│字 ● ▌░│\n\n');
  });

  it('as ANSI text leave no style behind at the end of a line', () => {
    expect(frameAnsi(['\u001b[32ma'])).toBe('\u001b[32ma\u001b[0m\n');
  });

  it('as SVG are well-formed, whatever the text', () => {
    const strange = [...rows, '<script>&lt;]]>\u0007\u0000\ud800"\'', '👨‍👩‍👧e\u0301'];
    const elements = parseXml(frameSvg(strange, { title: 'a <b> & "c"' }));
    expect(elements.find(({ name }) => name === 'title')?.text).toBe('a <b> & "c"');
    expect(elements.some(({ name }) => name === 'script')).toBe(false);
  });

  it('as SVG need nothing from elsewhere', () => {
    const svg = frameSvg(rows, { title: 'drover' }).replace('http://www.w3.org/2000/svg', '');
    expect(svg).not.toMatch(/https?:|url\(|@import|href|<script|<image|<foreignObject/i);
  });

  it('have one text for each run of one style, on the grid of cells', () => {
    const texts = parseXml(frameSvg(rows, { title: 't' })).filter(
      ({ name, attributes }) => name === 'text' && attributes.textLength !== undefined,
    );
    const drawn = texts.map(({ text, attributes: { x, y, textLength } }) => [
      text,
      Number(x) / 9,
      (Number(y) - 15) / 20,
      Number(textLength) / 9,
    ]);
    expect(drawn).toEqual([
      ['drover', 0, 0, 6],
      ['  <a & "b">   ', 6, 0, 14],
      ['╭─', 0, 1, 2],
      ['alpha', 3, 1, 5],
      ['─╮', 9, 1, 2],
      ['│', 0, 2, 1],
      ['字', 1, 2, 2],
      ['●', 4, 2, 1],
      ['▌░│', 6, 2, 3],
    ]);
    expect(texts[0]?.attributes['font-weight']).toBe('bold');
    expect(texts[3]?.attributes.fill).toBe('#7ec97e');
  });

  it('draw the borders as lines from edge to edge of their cells, so that they meet', () => {
    const paths = parseXml(frameSvg(['┌┐', '││'], { title: 't' })).filter(({ name }) => name === 'path');
    expect(paths.map(({ attributes }) => attributes.d)).toEqual([
      'M4.5 10L9 10M4.5 10L4.5 20M13.5 10L9 10M13.5 10L13.5 20',
      'M4.5 30L4.5 20M4.5 30L4.5 40M13.5 30L13.5 20M13.5 30L13.5 40',
    ]);
  });

  it('exchange the colours of inverse text', () => {
    const elements = parseXml(frameSvg(['\u001b[7mx\u001b[0m'], { title: 't' }));
    const text = elements.find(({ text }) => text === 'x');
    expect(text?.attributes.fill).toBe('#16181d');
    expect(elements.filter(({ name, attributes }) => name === 'rect' && attributes.fill === '#d4d7dd')).toHaveLength(1);
  });

  it('have the size of the frame, and light colours for a light theme', () => {
    const svg = frameSvg(['x'], { title: 't', columns: 80, isLight: true });
    expect(svg).toContain('viewBox="0 0 744 66"');
    expect(svg).toContain('#fdfdfb');
    expect(svg).not.toContain('#16181d');
  });
});

describe('parseAnsi', () => {
  it('knows the style of every run', () => {
    expect(
      parseAnsi('a\u001b[1;31mb\u001b[22mc\u001b[39md\u001b[38;5;208;4me\u001b[0;48;2;1;2;3mf\u001b[m\u001b[97mg'),
    ).toEqual([
      { text: 'a', style: {} },
      { text: 'b', style: { bold: true, foreground: 1 } },
      { text: 'c', style: { foreground: 1 } },
      { text: 'd', style: {} },
      { text: 'e', style: { foreground: 208, underline: true } },
      { text: 'f', style: { background: '#010203' } },
      { text: 'g', style: { foreground: 15 } },
    ]);
  });

  it('joins neighbours of the same style', () => {
    expect(parseAnsi('a\u001b[1m\u001b[0mb')).toEqual([{ text: 'ab', style: {} }]);
  });
});
