/** The screen settings in the settings file; settings that it does not have are absent. */
export interface ScreenSettings {
  readonly theme?: 'auto' | 'dark' | 'light' | 'high-contrast' | 'colour-blind' | 'mono';
  /** False: no colours at all. */
  readonly colours?: boolean;
  readonly glyphs?: 'unicode' | 'ascii';
  readonly mouse?: boolean;
  readonly isReadOnly?: boolean;
  readonly asksFirst?: boolean;
  readonly arrangement?: 'auto' | 'board' | 'table' | 'matrix';
  readonly notifies?: boolean;
  /** Keys by action, as written in the file; the screen validates them. An empty list removes the action's keys. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** The position of each action in the file, for the screen's error messages. */
  readonly keyPlaces: Readonly<Record<string, { readonly line: number; readonly column: number }>>;
}

/** No settings. */
export const noScreenSettings: ScreenSettings = { keys: {}, keyPlaces: {} };

/** Options of the screen on the command line, which win over its settings. */
export interface ScreenOptions {
  readonly readOnly?: boolean;
  /** Every plan waits for approval. */
  readonly confirm?: boolean;
  readonly theme?: string;
  readonly ascii?: boolean;
  readonly mouse?: boolean;
  readonly noColour?: boolean;
}
