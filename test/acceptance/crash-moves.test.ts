import { crashCases } from './crash-cases.ts';
import { killed, late, onItsWay } from './crash-events.ts';
import { move, moveBack } from './crash-scenarios.ts';
import { node1, node2 } from './lab.ts';

// To and fro: each case begins where the one before has ended. `move` leaves node1, `moveBack` leaves node2.
crashCases('a move in which something goes wrong', [
  { scenario: move, event: killed('begun', 'sync-volume'), follow: 'same' },
  { scenario: moveBack, event: killed('done', 'hold-ports'), follow: 'removed' },
  { scenario: move, event: killed('begun', 'stop-container'), follow: 'old' },
  { scenario: moveBack, event: killed('done', 'stop-container'), follow: 'same' },
  { scenario: move, event: killed('begun', 'freeze-volume'), follow: 'removed' },
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
  { scenario: moveBack, event: late('sync-volume', node2, 'flock', '*@drover-*flock 8'), follow: 'same' },
  { scenario: move, event: late('send-final', node2, 'zfs', '*zfs receive*'), follow: 'same' },
  { scenario: moveBack, event: late('freeze-volume', node2, 'zfs', '*zfs unmount*'), follow: 'old' },
  { scenario: move, event: late('replace-network', node1, 'nft', '*nft -f -'), follow: 'old' },
  {
    scenario: moveBack,
    event: onItsWay('never', 'release-volume', node2, 'flock', '*-- *drover:role=released*'),
    follow: 'old',
  },
  {
    scenario: move,
    event: onItsWay('at once', 'acquire-volume', node2, 'flock', '*-- *drover:role=owner*'),
    follow: 'same',
  },
]);
