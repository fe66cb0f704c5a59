import { noScreenSettings, type ScreenOptions, type ScreenSettings } from '../model/settings.ts';
import type { TuiSettings } from './deps.ts';
import { themeNames } from './frame/theme.ts';
import { knownKeys } from './keymap.ts';
import type { ThemeName } from './state.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The command line wins over the environment, and that over the file. */
export function mergeSettings(file: ScreenSettings | undefined, env: Environment, flags: ScreenOptions): TuiSettings {
  const set = file ?? noScreenSettings;
  const noColour = flags.noColour === true || isSet(env.NO_COLOR) || env.TERM === 'dumb' || set.colours === false;
  return {
    theme: themeOf(flags.theme) ?? set.theme ?? 'auto',
    noColour,
    glyphs: flags.ascii === true || isOn(env.DROVER_ASCII) ? 'ascii' : (set.glyphs ?? glyphsOf(env)),
    mouse: flags.mouse ?? set.mouse ?? !isFarAway(env),
    isReadOnly: flags.readOnly ?? (isOn(env.DROVER_READ_ONLY) || set.isReadOnly === true),
    asksFirst: flags.confirm ?? set.asksFirst ?? false,
    arrangement: set.arrangement ?? 'auto',
    keys: knownKeys(set.keys),
    notifies: set.notifies ?? true,
  };
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '';
const isOn = (value: string | undefined): boolean => isSet(value) && value !== '0';

/** Undefined where no theme has this name. */
export const themeOf = (name: string | undefined): ThemeName | undefined => themeNames.find((each) => each === name);

/** Inside tmux over ssh a terminal's own selection is worth more than clicks. */
const isFarAway = (env: Environment): boolean => isSet(env.SSH_CONNECTION) && isSet(env.TMUX);

/** The console of the kernel and terminals without a UTF-8 locale cannot show the signs. */
function glyphsOf(env: Environment): TuiSettings['glyphs'] {
  if (env.TERM === 'linux') return 'ascii';
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return locale === undefined || locale === '' || /utf-?8/i.test(locale) ? 'unicode' : 'ascii';
}
