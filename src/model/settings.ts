/** What a person set for the screen, in the settings file; what it does not say is absent. */
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
  /** Keys by action, as they are written: the screen knows which ones there are. An empty list takes the keys away. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** Where the action of a key stands in the file, for what the screen finds wrong with it. */
  readonly keyPlaces: Readonly<Record<string, { readonly line: number; readonly column: number }>>;
}

/** Nothing set. */
export const noScreenSettings: ScreenSettings = { keys: {}, keyPlaces: {} };
