import { crashCases } from './crash-cases.ts';
import { broken, killed, late, lateDocker, onItsWay } from './crash-events.ts';
import * as of from './crash-scenarios.ts';
import { node1, node2 } from './lab.ts';

// Each case begins where the one before has ended, or with one apply.
crashCases('something else than a move of one volume, or a node that is gone, or drover asleep', [
  {
    scenario: of.firstStart,
    event: late('create-volume', node1, 'flock', '*drover/volumes/fresh-*flock 8'),
    follow: 'old',
  },
  { scenario: of.mounting, event: killed('begun', 'mount-volume'), follow: 'same' },
  { scenario: of.bootRules, event: killed('begun', 'set-boot-rules'), follow: 'same' },
  {
    scenario: of.rollBack('one'),
    event: onItsWay('never', 'swap', node1, 'flock', '*-before-*flock 8'),
    follow: 'same',
  },
  { scenario: of.rollBack('two'), event: late('swap', node1, 'flock', '*-before-*flock 8'), follow: 'same' },
  {
    scenario: of.rollBack('three'),
    event: onItsWay('at once', 'swap', node1, 'flock', '*-before-*flock 8'),
    follow: 'old',
  },
  { scenario: of.laterStart, event: killed('done', 'create-volume'), follow: 'same' },
  { scenario: of.page, event: killed('done', 'start-container'), follow: 'same' },
  { scenario: of.pageBack, event: lateDocker('stop-container', node2, 'start drover-page'), follow: 'removed' },
  { scenario: of.twoVolumes, event: killed('done', 'freeze-volume'), follow: 'same' },
  { scenario: of.twoBack, event: killed('begun', 'acquire-volume'), follow: 'old' },
  { scenario: of.swap, event: killed('done', 'release-volume'), follow: 'same' },
  { scenario: of.swapBack, event: late('acquire-volume', node1, 'flock', '*-- *drover:role=owner*'), follow: 'old' },
  { scenario: of.exchange, event: killed('begun', 'send-final'), follow: 'same' },
  { scenario: of.newEnvironment, event: killed('begun', 'start-container'), follow: 'old' },
  { scenario: of.oldEnvironment, event: killed('done', 'stop-container'), follow: 'same' },
  { scenario: of.resize, event: killed('done', 'resize-volume'), follow: 'old' },
  { scenario: of.resizeAndMove, event: killed('begun', 'release-volume'), follow: 'same' },
  { scenario: of.removal, event: killed('begun', 'stop-container'), follow: 'old' },
  { scenario: of.returning, event: killed('begun', 'check-container'), follow: 'old' },
  { scenario: of.takenBack, event: killed('begun', 'reclaim-volume'), follow: 'same' },
  { scenario: of.newImageAndMove, event: killed('done', 'pull-image'), follow: 'same' },
  { scenario: of.move, event: { kind: 'asleep', step: 'release-volume' }, follow: 'same' },
  { scenario: of.moveBack, event: { kind: 'asleep', step: 'acquire-volume' }, follow: 'old' },
  { scenario: of.move, event: lateDocker('acquire-volume', node1, 'start drover-writer'), follow: 'same' },
  { scenario: of.moveBack, event: broken('power', 'send-final', node2, true, true), follow: 'same' },
  { scenario: of.move, event: broken('power', 'acquire-volume', node2, true, false), follow: 'old' },
  { scenario: of.moveBack, event: broken('cable', 'release-volume', node1, true, false), follow: 'same' },
  { scenario: of.move, event: broken('cable', 'send-final', node2, false, true), follow: 'same' },
]);
