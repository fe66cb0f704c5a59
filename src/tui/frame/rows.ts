import { plainText } from '../../model/plain-text.ts';

/** What a piece of text means; the theme turns it into colours, and nothing depends on the colour alone. */
export type Token =
  | 'plain'
  | 'dim'
  | 'strong'
  | 'ok'
  | 'warn'
  | 'bad'
  | 'add'
  | 'remove'
  | 'change'
  | 'accent'
  | 'title'
  | 'key';

export interface Span {
  readonly text: string;
  readonly token?: Token;
  /** Under the cursor of the focused pane. */
  readonly selected?: boolean;
}

/** One line of the screen. */
export type Row = readonly Span[];

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Rect extends Size {
  readonly x: number;
  readonly y: number;
}

/** Cleans its text, which may come from a node or a file: nothing in it moves the cursor, and its width is known. */
export function span(text: string, token?: Token): Span {
  const clean = plainText(text).replaceAll('\t', '  ');
  return token === undefined ? { text: clean } : { text: clean, token };
}
