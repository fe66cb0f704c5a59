import { type ConsoleCommand, readConsoleBlocks } from './console-blocks.ts';

/** A block of a tutorial's Markdown page; lines count from 1. */
export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly text: string; readonly line: number }
  /** A paragraph as one line without markup, or a line of a code block, indented by two spaces. */
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | {
      readonly kind: 'remark';
      readonly about: 'tutorial' | 'step';
      /** YAML, indented as on the page, so that columns in problems are right. */
      readonly text: string;
      readonly line: number;
    }
  | { readonly kind: 'console'; readonly commands: readonly ConsoleCommand[]; readonly line: number };

/** The blocks of the page, in order, without those that a tutorial does not use. */
export function readBlocks(markdown: string): readonly Block[] {
  const lines = markdown.split('\n');
  const all = readConsoleBlocks(markdown);
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  const endParagraph = (line: number): void => {
    if (paragraph.length > 0) blocks.push({ kind: 'text', text: plain(paragraph.join(' ')), line });
    paragraph = [];
  };
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const heading = /^(#{1,6}) +(.*)$/.exec(line);
    const begun = at;
    if (line.startsWith('```')) {
      endParagraph(begun);
      const end = endOf(lines, at + 1, (each) => each.startsWith('```'));
      if (line === '```console') {
        const commands = all.filter((each) => each.line > begun + 1 && each.line <= end);
        blocks.push({ kind: 'console', commands, line: begun + 1 });
      } else {
        for (const text of lines.slice(begun + 1, end))
          blocks.push({ kind: 'text', text: `  ${text}`, line: begun + 1 });
      }
      at = end + 1;
    } else if (line.startsWith('<!--')) {
      endParagraph(begun);
      const end = endOf(lines, at, (each) => each.includes('-->'));
      blocks.push(...readRemark(lines.slice(begun, end + 1).join('\n'), begun + 1));
      at = end + 1;
    } else {
      if (heading !== null || line.trim() === '' || isItem(line)) endParagraph(begun);
      if (heading !== null) {
        blocks.push({
          kind: 'heading',
          level: heading[1]?.length ?? 1,
          text: plain(heading[2] ?? ''),
          line: begun + 1,
        });
      } else if (line.trim() !== '') paragraph.push(line.trim());
      at += 1;
    }
  }
  endParagraph(lines.length);
  return blocks;
}

const isItem = (line: string): boolean => /^\s*(?:[-*]|\d+\.) /.test(line);

function endOf(lines: readonly string[], from: number, isEnd: (line: string) => boolean): number {
  const found = lines.findIndex((line, index) => index >= from && isEnd(line));
  return found < 0 ? lines.length : found;
}

/** A comment without one of the two words is for people, and is skipped. */
function readRemark(comment: string, line: number): readonly Block[] {
  const found = /^<!--(\s*)(drover|drover-tutorial):([\s\S]*?)-->/.exec(comment);
  const [, space = '', word, yaml = ''] = found ?? [];
  if (word === undefined) return [];
  const before = ' '.repeat('<!--'.length + space.length + word.length + 1);
  return [{ kind: 'remark', about: word === 'drover' ? 'step' : 'tutorial', text: before + yaml, line }];
}

/** Without links, emphasis and code marks, which a terminal does not show. */
const plain = (text: string): string =>
  text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\*\*([^*]+)\*\*/g, '$1')
    .replace(/`([^`]*)`/g, '$1');
