import { clusterPart } from './parts/cluster/cluster.ts';
import { confirmPart } from './parts/confirm.ts';
import { detailPart } from './parts/detail/detail.ts';
import { diffPart } from './parts/diff.ts';
import { eventsPart } from './parts/events.ts';
import { guidePart } from './parts/guide/page.ts';
import { createHelpPart } from './parts/help.ts';
import { historyPart } from './parts/history.ts';
import { leavePart } from './parts/leave.ts';
import { logsPart } from './parts/logs/logs.ts';
import { movePart } from './parts/move.ts';
import { createPalettePart } from './parts/palette.ts';
import { problemsPart } from './parts/problems.ts';
import { planPart } from './parts/run/plan.ts';
import { reviewPart } from './parts/run/review.ts';
import { runPart } from './parts/run/run.ts';
import { stagesPart } from './parts/stages.ts';
import { welcomePart } from './parts/welcome.ts';
import { zfsPart } from './parts/zfs.ts';
import { asPart, type Registry } from './routing.ts';
import type { OverlayPart } from './screen.ts';
import type { Overlay } from './state.ts';

const overlays: readonly OverlayPart<Overlay>[] = [
  // Both list the actions of every part in this table.
  asPart(createHelpPart(() => registry)),
  asPart(createPalettePart(() => registry)),
  asPart(problemsPart),
  asPart(reviewPart),
  asPart(runPart),
  asPart(diffPart),
  asPart(movePart),
  asPart(confirmPart),
  asPart(logsPart),
  asPart(zfsPart),
  asPart(historyPart),
  asPart(leavePart),
  asPart(welcomePart),
  asPart(stagesPart),
  asPart(guidePart),
];

/** All parts of the screen. */
export const registry: Registry = {
  panes: { cluster: clusterPart, plan: planPart, detail: detailPart, events: eventsPart },
  overlays: Object.fromEntries(overlays.map((part) => [part.kind, part])),
};
