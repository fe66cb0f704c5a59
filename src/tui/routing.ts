import { type ActionId, actionsWithin } from './actions/actions.ts';
import type { Size } from './frame/rows.ts';
import type { OverlayPart, Part } from './screen.ts';
import type { Overlay, PaneId, UiState } from './state.ts';

/** Every part of the screen by where it is shown. */
export interface Registry {
  readonly panes: Readonly<Record<PaneId, Part<UiState>>>;
  readonly overlays: Readonly<Record<Overlay['kind'], OverlayPart<Overlay>>>;
}

/** Insides of what the layout shows now; a pane that is not shown is left out. */
export interface PartSizes {
  readonly panes: Readonly<Partial<Record<PaneId, Size>>>;
  readonly overlay: Size;
}

export const paneIds: readonly PaneId[] = ['cluster', 'plan', 'detail', 'events'];

/** The overlay that has the keys. */
export const topOf = (ui: UiState): Overlay | undefined => ui.overlays.at(-1);

/** The screen as it is without the overlay that has the keys. */
export const behindTop = (ui: UiState): UiState => ({ ...ui, overlays: ui.overlays.slice(0, -1) });

/** A part for the registry, which only ever gives it states of its own kind. TypeScript cannot follow that. */
export const asPart = <S extends Overlay>(part: OverlayPart<S>) => part as unknown as OverlayPart<Overlay>;

/** The part that draws an overlay and takes its keys. */
export function partOf(registry: Registry, { kind }: Overlay): OverlayPart<Overlay> {
  const part = registry.overlays[kind];
  if (part === undefined) throw new Error(`no part draws an overlay of kind "${kind}"`);
  return part;
}

/** True for an overlay that asks a question; the others only show something. */
export const isDialog = (registry: Registry, overlay: Overlay): boolean => partOf(registry, overlay).isDialog === true;

/** True for a page with nothing behind it. */
export const isFirstPage = (registry: Registry, overlay: Overlay): boolean =>
  partOf(registry, overlay).isFirstPage === true;

const overEverything = actionsWithin('always');
const overViews = actionsWithin('always', 'views');

/** Actions that need an application, a node or something else under the cursor. */
export const selectionActions = actionsWithin('selection');

/** What the screen does where no overlay is open. */
export const onPanes = actionsWithin('always', 'views', 'panes', 'selection');

/** What the screen does for a tutorial next to the panes, also under pages. */
export const guideActions = actionsWithin('guide');

/** What the screen itself does when the part with the keys does not. */
export function screenTakes(ui: UiState, registry: Registry): readonly ActionId[] {
  const top = topOf(ui);
  if (top !== undefined && isDialog(registry, top)) return overEverything;
  const own = top === undefined ? onPanes : overViews;
  return ui.isGuided === true ? [...own, ...guideActions] : own;
}

/** What an action does for the part that has the keys, where that has a word of its own for it. */
export function ownLabel(ui: UiState, registry: Registry, action: ActionId): string | undefined {
  const top = topOf(ui);
  if (top === undefined) return registry.panes[ui.focus].labelOf?.(ui, action);
  return partOf(registry, top).labelOf?.(top, action);
}

/** The actions of the part that has the keys. */
export function partTakes(ui: UiState, registry: Registry): readonly ActionId[] {
  const top = topOf(ui);
  return top === undefined ? registry.panes[ui.focus].actions : partOf(registry, top).actions;
}

/** Keys are text now. */
export function isTyping(ui: UiState, registry: Registry): boolean {
  const top = topOf(ui);
  if (top !== undefined) return partOf(registry, top).isTyping?.(top) ?? false;
  return ui.filtering || (registry.panes[ui.focus].isTyping?.(ui) ?? false);
}
