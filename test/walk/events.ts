import { type Event, killAfter, killBefore, runBoth } from './event-kit.ts';
import { asleep, deadMan, killedTwice, late, silent, twoAtOnce } from './events-of-controllers.ts';
import {
  busy,
  cut,
  dockerKill,
  fails,
  foreignHold,
  foreignSnapshot,
  full,
  nodeAway,
  renamed,
  replyLost,
  restarts,
  unhealthy,
} from './events-of-nodes.ts';

/** Everything that may go wrong, by name. */
export const events: Readonly<Record<string, Event>> = {
  'killed-before': (walk) => runBoth(walk, killBefore(walk.first)),
  'killed-after': (walk) => runBoth(walk, killAfter(walk.first)),
  'killed-twice': killedTwice,
  'dead-man': deadMan,
  late,
  'two-at-once': twoAtOnce,
  silent,
  away: nodeAway,
  asleep,
  restart: (walk) => restarts(walk, false),
  'restart-killed': (walk) => restarts(walk, true),
  full,
  'foreign-snapshot': foreignSnapshot,
  'foreign-hold': foreignHold,
  unhealthy,
  busy,
  renamed,
  'docker-kill': dockerKill,
  'fails-once': (walk) => fails(walk, 1),
  'fails-for-good': (walk) => fails(walk, Number.POSITIVE_INFINITY),
  'reply-lost': replyLost,
  cut,
};
