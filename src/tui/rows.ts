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

export const span = (text: string, token?: Token): Span => (token === undefined ? { text } : { text, token });
