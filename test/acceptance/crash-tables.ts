import { broken, killed, late, lateDocker, onItsWay } from './crash-events.ts';
import type { CrashCase } from './crash-play.ts';
import * as of from './crash-scenarios.ts';
import { node1, node2 } from './lab.ts';

const { move, moveBack } = of;

/** To and fro: each case begins where the one before has ended. `move` leaves node1, `moveBack` leaves node2. */
export const moves: readonly CrashCase[] = [
  { scenario: move, event: killed('begun', 'sync-volume'), follow: 'same' },
  { scenario: moveBack, event: killed('done', 'hold-ports'), follow: 'removed' },
  { scenario: move, event: killed('begun', 'stop-container'), follow: 'old' },
  { scenario: moveBack, event: killed('done', 'freeze-volume'), follow: 'old' },
  { scenario: move, event: killed('done', 'send-final'), follow: 'same' },
  { scenario: moveBack, event: killed('done', 'release-volume'), follow: 'old' },
  { scenario: move, event: killed('done', 'acquire-volume'), follow: 'old' },
  { scenario: moveBack, event: killed('begun', 'start-container'), follow: 'removed' },
  { scenario: move, event: killed('done', 'check-container'), follow: 'same' },
  { scenario: moveBack, event: killed('begun', 'replace-network'), follow: 'old' },
  { scenario: move, event: killed('done', 'settle-volume'), follow: 'same' },
  { scenario: moveBack, event: late('freeze-volume', node2, 'flock', '*-- *drover:role=frozen*'), follow: 'old' },
  { scenario: move, event: late('release-volume', node1, 'flock', '*-- *drover:role=released*'), follow: 'same' },
  { scenario: moveBack, event: late('release-volume', node2, 'flock', '*-- *drover:role=released*'), follow: 'old' },
  { scenario: move, event: late('acquire-volume', node2, 'flock', '*-- *drover:role=owner*'), follow: 'same' },
  { scenario: moveBack, event: late('acquire-volume', node1, 'flock', '*-- *drover:role=owner*'), follow: 'old' },
  { scenario: move, event: late('settle-volume', node1, 'flock', '*-- *drover:role=replica*'), follow: 'old' },
  { scenario: moveBack, event: late('sync-volume', node2, 'flock', '*@drover-*flock -w 60 8'), follow: 'same' },
  { scenario: move, event: late('sync-volume', node2, 'zfs', '*zfs receive*'), follow: 'same' },
  { scenario: moveBack, event: late('freeze-volume', node2, 'zfs', '*zfs unmount*'), follow: 'old' },
  { scenario: move, event: late('replace-network', node1, 'nft', '*nft -f -'), follow: 'old' },
];

/** Killed at a step of each kind: what `npm test` plays. The nightly plays all of them. */
export const movesInBrief = moves.slice(0, 10);

/**
 * Something else than a move of one volume, a node that is gone, or drover asleep. Each case begins where the one before
 * has ended, or with one apply.
 */
export const others: readonly CrashCase[] = [
  {
    scenario: of.firstStart,
    event: late('create-volume', node1, 'flock', '*drover/volumes/fresh-*flock -w 60 8'),
    follow: 'old',
  },
  { scenario: of.mounting, event: killed('begun', 'mount-volume'), follow: 'same' },
  { scenario: of.bootRules, event: killed('begun', 'set-boot-rules'), follow: 'same' },
  { scenario: of.standbyRules, event: killed('begun', 'set-standbys'), follow: 'same' },
  { scenario: of.unnamed, event: killed('begun', 'set-deployment'), follow: 'same' },
  { scenario: of.unnamed, event: late('set-deployment', node1, 'flock', '*-- *drover:deployment=*'), follow: 'same' },
  {
    scenario: of.rollBack('one'),
    event: onItsWay('never', 'swap', node1, 'flock', '*-before-*flock -w 60 8'),
    follow: 'same',
  },
  { scenario: of.rollBack('two'), event: late('swap', node1, 'flock', '*-before-*flock -w 60 8'), follow: 'same' },
  { scenario: of.page, event: killed('done', 'start-container'), follow: 'same' },
  { scenario: of.pageBack, event: lateDocker('stop-container', node2, 'start drover-page'), follow: 'removed' },
  { scenario: of.twoVolumes, event: killed('done', 'freeze-volume'), follow: 'same' },
  { scenario: of.twoBack, event: killed('begun', 'acquire-volume'), follow: 'old' },
  { scenario: of.swap, event: killed('done', 'release-volume'), follow: 'same' },
  { scenario: of.swapBack, event: late('acquire-volume', node1, 'flock', '*-- *drover:role=owner*'), follow: 'old' },
  { scenario: of.exchange, event: killed('begun', 'send-final'), follow: 'same' },
  { scenario: of.newEnvironment, event: killed('begun', 'start-container'), follow: 'old' },
  { scenario: of.resize, event: killed('done', 'resize-volume'), follow: 'old' },
  { scenario: of.resizeAndMove, event: killed('begun', 'release-volume'), follow: 'same' },
  { scenario: of.removal, event: killed('begun', 'stop-container'), follow: 'old' },
  { scenario: of.takenBack, event: killed('begun', 'reclaim-volume'), follow: 'same' },
  { scenario: of.newImageAndMove, event: killed('done', 'pull-image'), follow: 'same' },
  { scenario: of.move, event: { kind: 'asleep', step: 'release-volume' }, follow: 'same' },
  { scenario: of.moveBack, event: { kind: 'asleep', step: 'acquire-volume' }, follow: 'old' },
  { scenario: of.move, event: lateDocker('acquire-volume', node1, 'start drover-writer'), follow: 'same' },
  { scenario: of.moveBack, event: broken('power', 'send-final', node2, true, true), follow: 'same' },
  { scenario: of.move, event: broken('power', 'acquire-volume', node2, true, false), follow: 'old' },
  { scenario: of.moveBack, event: broken('cable', 'release-volume', node1, true, false), follow: 'same' },
  { scenario: of.move, event: broken('cable', 'send-final', node2, false, true), follow: 'same' },
];
