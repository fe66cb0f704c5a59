import type { ActionId } from '../../../src/tui/actions/actions.ts';
import { unicodeGlyphs } from '../../../src/tui/frame/glyphs.ts';
import { initialState } from '../../../src/tui/initial-state.ts';
import { registry as real } from '../../../src/tui/parts.ts';
import type { PartSizes, Registry } from '../../../src/tui/routing.ts';
import type { Message, Part, ScreenInput, Update } from '../../../src/tui/screen.ts';
import type { Effect, Overlay, PaneId, UiState } from '../../../src/tui/state.ts';
import { update } from '../../../src/tui/update.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { emptyView } from '../../../src/view/reduce.ts';
import { aCluster, aConfig, aContainer, anApplication, aVolume, onNode, unreachable } from '../../builders.ts';

/** A message that a part received, with the part's name. */
export interface Received {
  readonly who: string;
  readonly message: Message;
}

interface FakeOptions {
  readonly actions?: readonly ActionId[];
  readonly typing?: boolean;
  readonly off?: Readonly<Partial<Record<ActionId, string>>>;
  readonly step?: (message: Message, state: unknown) => Update<never>;
}

function fakePart<S>(who: string, received: Received[], options: FakeOptions = {}): Part<S> {
  return {
    actions: options.actions ?? [],
    inFooter: 1,
    draw: () => ({ rows: [[{ text: who }]] }),
    isTyping: () => options.typing ?? false,
    disabledReason: (_input, _state, action) => options.off?.[action],
    update: (_input, state, message) => {
      received.push({ who, message });
      return options.step?.(message, state) ?? {};
    },
  };
}

/** A screen whose parts record the messages they receive; they do only what is given here. */
export function aScreen(
  panes: Partial<Record<PaneId, FakeOptions>> = {},
  overlays: Partial<Record<Overlay['kind'], FakeOptions>> = {},
) {
  const received: Received[] = [];
  const pane = (id: PaneId) => fakePart<UiState>(id, received, panes[id]);
  const registry: Registry = {
    panes: { cluster: pane('cluster'), plan: pane('plan'), detail: pane('detail'), events: pane('events') },
    overlays: Object.fromEntries(
      Object.entries(real.overlays).map(([kind, { update: _update, draw: _draw, ...part }]) => [
        kind,
        { ...part, ...fakePart<Overlay>(kind, received, overlays[kind]) },
      ]),
    ),
  };
  return { registry, received };
}

const inside = { columns: 58, rows: 12 };

/** Every pane is on the screen. */
export const allShown: PartSizes = {
  panes: { cluster: inside, plan: inside, detail: inside, events: inside },
  overlay: { columns: 78, rows: 20 },
};

export const tenOClock = 1_000_000_000_000;

const wiki = anApplication('wiki', { volumes: [{ id: 'v1', mountpoint: '/data' }] });
const shop = anApplication('shop');
const idle = anApplication('idle');

/** wiki with a volume on alpha, shop stopped on alpha, nothing on beta; gamma has not answered for 12 s. */
export const aView: ClusterView = {
  ...emptyView,
  config: aConfig([wiki, shop, idle], { alpha: ['shop', 'wiki'], beta: [], gamma: [] }),
  nodes: {
    ...aCluster(
      onNode('alpha', {
        containers: [aContainer(wiki, 'alpha'), aContainer(shop, 'alpha', { state: 'exited' })],
        volumes: [aVolume('v1', { application: 'wiki', on: 'alpha' })],
      }),
      onNode('beta'),
    ).nodes,
    gamma: lostNode(),
  },
  plan: { revision: 'r1', steps: [], blocked: [], notes: [] },
};

function lostNode() {
  const [, state] = unreachable('gamma', { containers: [aContainer(idle, 'gamma')] });
  return state.status === 'unreachable' ? { ...state, since: tenOClock - 12_000 } : state;
}

/** The same with one step to do. */
export const aViewWithWork: ClusterView = {
  ...aView,
  plan: {
    revision: 'r2',
    steps: [
      {
        id: 'stop:wiki',
        action: { kind: 'stop-container', node: 'alpha', app: 'wiki' },
        after: [],
        reason: 'it moves',
        group: 'wiki',
      },
    ],
    blocked: [],
    notes: [],
  },
};

export function anInput(
  ui: Partial<UiState> = {},
  view: ClusterView = aView,
  about: Partial<ScreenInput['about']> = {},
): ScreenInput {
  const settings = { theme: 'auto', mouse: true, arrangement: 'auto' } as const;
  return {
    view,
    ui: { ...initialState({ columns: 80, rows: 24 }, settings, view), ...ui },
    now: tenOClock,
    glyphs: unicodeGlyphs,
    about: { version: '1', isReadOnly: false, folder: '/srv', keyOf: (action) => `<${action}>`, ...about },
  };
}

/** Several messages, one after the other: the last screen and everything that was asked for. */
export function play(
  input: ScreenInput,
  registry: Registry,
  ...messages: readonly (Message | ActionId)[]
): { readonly ui: UiState; readonly effects: readonly Effect[] } {
  let ui = input.ui;
  const effects: Effect[] = [];
  for (const each of messages) {
    const message: Message = typeof each === 'string' ? { type: 'action', action: each } : each;
    const next = update({ ...input, ui }, message, registry, allShown);
    ui = next.ui;
    effects.push(...next.effects);
  }
  return { ui, effects };
}

/** Kinds of the overlays, the one with the keys last. */
export const kindsOf = (ui: UiState): readonly string[] => ui.overlays.map(({ kind }) => kind);
