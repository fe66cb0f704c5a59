import type { EngineEvent } from '../../model/events.ts';
import { type Printed, plainText } from '../../model/plain-text.ts';
import type { StepId } from '../../model/plan.ts';
import { formatBytes, formatDuration } from '../../view/wording.ts';
import { clearLine, joined, type Paint, printed } from '../style.ts';
import type { World } from '../world.ts';

/** Progress of transfers: one moving line on a terminal, otherwise a line now and then. */
export interface Meter {
  readonly update: (event: Progress, title: string) => void;
  readonly forget: (step: StepId) => void;
  /** Takes the moving line away, so that something else can be printed. */
  readonly clear: () => void;
}

type Progress = Extract<EngineEvent, { type: 'step-progress' }>;

const PLAIN_EVERY_MS = 5000;
const REDRAW_EVERY_MS = 100;
const BAR_CELLS = 24;

interface Track {
  /** First byte count seen, for the rate. */
  readonly startedAt: number;
  readonly startBytes: number;
  readonly what: string | undefined;
  printedAt: number;
}

export function createMeter(world: Pick<World, 'terminal' | 'now'>, paint: Paint): Meter {
  const { terminal } = world;
  const tracks = new Map<StepId, Track>();
  let shown = false;
  const clear = (): void => {
    if (shown) terminal.out(clearLine);
    shown = false;
  };
  return {
    clear,
    forget: (step) => tracks.delete(step),
    update(event, title) {
      const known = tracks.get(event.step);
      // A new round counts its bytes from zero.
      const track = known !== undefined && known.what === event.what ? known : trackOf(event, known);
      tracks.set(event.step, track);
      const every = terminal.moving ? REDRAW_EVERY_MS : PLAIN_EVERY_MS;
      if (event.at - track.printedAt < every) return;
      track.printedAt = event.at;
      if (!terminal.moving) {
        terminal.out(printed`          ${title}: ${numbers(event, track)}\n`);
        return;
      }
      terminal.out(joined(clearLine, movingLine(event, track, title, terminal.columns(), paint)));
      shown = true;
    },
  };
}

function trackOf(event: Progress, earlier: Track | undefined): Track {
  const { at, doneBytes, what } = event;
  return { startedAt: at, startBytes: doneBytes, what, printedAt: earlier?.printedAt ?? at - REDRAW_EVERY_MS };
}

/** Never longer than the terminal is wide: a line that wraps cannot be taken back. */
function movingLine(event: Progress, track: Track, title: string, columns: number, paint: Paint): Printed {
  const facts = numbers(event, track);
  const gauge = event.totalBytes === undefined ? '' : `${bar(event.doneBytes / event.totalBytes)} `;
  const room = columns - 1 - gauge.length - facts.length - 2;
  const name = room < 8 ? '' : `  ${[...plainText(title)].slice(0, room).join('')}`;
  const fits = [...facts].slice(0, Math.max(0, columns - 1 - gauge.length)).join('');
  return joined(paint(gauge, 'working'), paint(fits), paint(name, 'faint'));
}

export function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
  return `${'━'.repeat(filled)}${'─'.repeat(BAR_CELLS - filled)}`;
}

/** `round 2 · 60% · 8.58 MiB of 14.2 MiB · 131 MiB/s · 45 s left`; no percentage where the size is not known. */
function numbers({ at, doneBytes, totalBytes, what }: Progress, { startedAt, startBytes }: Track): string {
  const seconds = (at - startedAt) / 1000;
  const rate = seconds > 0.5 ? (doneBytes - startBytes) / seconds : 0;
  const known = totalBytes !== undefined && totalBytes > 0;
  const percent = known ? Math.min(100, Math.floor((100 * doneBytes) / totalBytes)) : 0;
  const left = known && rate > 0 && totalBytes > doneBytes ? ((totalBytes - doneBytes) / rate) * 1000 : undefined;
  return [
    ...(what === undefined ? [] : [plainText(what)]),
    ...(known ? [`${percent}%`, `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`] : [formatBytes(doneBytes)]),
    ...(rate > 0 ? [`${formatBytes(rate)}/s`] : []),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
  ].join(' · ');
}
