import { type AppName, nodeOf } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { TuiSettings } from './deps.ts';
import type { Size } from './frame/rows.ts';
import { openProblems } from './parts/problems.ts';
import type { Item, UiState } from './state.ts';

/** The screen as it opens: the cursor on the first application, or on the first node where there is none. */
export function initialState(
  size: Size,
  settings: Pick<TuiSettings, 'theme' | 'mouse' | 'arrangement'>,
  view: ClusterView,
): UiState {
  return {
    size,
    focus: 'cluster',
    zoomed: false,
    arrangement: settings.arrangement,
    cursor: firstItem(view),
    marks: new Set<AppName>(),
    filter: '',
    filtering: false,
    faultsOnly: false,
    sort: 'node',
    detailTab: 'summary',
    offsets: { cluster: 0, plan: 0, detail: 0, events: 0 },
    planCursor: 0,
    theme: settings.theme,
    mouse: settings.mouse,
    hasTerminalFocus: true,
    overlays: view.problems.length === 0 ? [] : [openProblems()],
    busy: [],
  };
}

/** Where the cursor starts; nothing where there is nothing yet. */
export function firstItem({ config, nodes }: ClusterView): Item {
  if (config === undefined) {
    const [node] = Object.keys(nodes);
    return node === undefined ? {} : { node };
  }
  for (const [node, apps] of Object.entries(config.deployment)) {
    if (apps[0] !== undefined) return { node, app: apps[0] };
  }
  const [idle] = Object.keys(config.applications);
  const node = idle === undefined ? Object.keys(config.nodes)[0] : nodeOf(config, idle);
  return defined({ node, app: idle });
}
