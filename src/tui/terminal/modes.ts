/** Control sequences of the terminal, by what they do. */

/** Alternate screen, no cursor, no wrapping at the right edge, pastes and focus reported, an empty screen. */
export const enterScreen = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[?2004h\u001b[?1004h\u001b[H\u001b[2J';

export const mouseOn = '\u001b[?1000h\u001b[?1006h';
export const mouseOff = '\u001b[?1006l\u001b[?1000l';

/** Also ends a frame that was cut, or a string that never ended. */
export const leaveScreen = `\u001b\\\u001b[0m\u001b[?2026l${mouseOff}\u001b[?1004l\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l`;

/**
 * What a remote program may have left behind: alternate screen, mouse in every form, keys of the application mode and
 * of the kitty protocol, another character set, a scrolling region. Not by `?1049l`, and with the cursor kept: outside
 * of the alternate screen both would put the cursor where it was long ago, and what is there would be overwritten.
 */
export const resetAfterOthers =
  '\u001b\\\u001b[0m\u001b[?1047l\u001b(B\u000f\u001b7\u001b[?6l\u001b[r\u001b8\u001b[?1003l\u001b[?1002l\u001b[?1000l' +
  '\u001b[?1006l\u001b[?1015l\u001b[?1004l\u001b[?2004l\u001b[?1l\u001b>\u001b[<u\u001b[>4;0m\u001b[?7h\u001b[?25h';

export const beginFrame = '\u001b[?2026h';
export const endFrame = '\u001b[?2026l';

export const saveTitle = '\u001b[22;0t';
export const restoreTitle = '\u001b[23;0t';
