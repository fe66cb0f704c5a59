import { killedAt } from './killed-at.ts';

// Where roles, epochs and data are different from before; the other steps of a move are killed in the nightly tests,
// and each single write of each step in memory (test/property/engine-crash.test.ts).
killedAt(['sync-volume', 'freeze-volume', 'send-final', 'release-volume', 'acquire-volume', 'settle-volume']);
