import { describeTutorial } from './tutorial.ts';

const records = 'node tutorials/mongodb/records.mjs';
describeTutorial('mongodb', {
  again: [
    { command: `${records} node1 empty`, prints: '1 record(s) taken out through node1\n' },
    { command: `${records} node2 find`, prints: '0 record(s) seen through node2\n' },
  ],
});
