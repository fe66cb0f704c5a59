// @images web-redis
import { describeTutorial } from './tutorial.ts';

describeTutorial('web-redis', {
  again: [
    { command: 'node tutorials/web-redis/visit.mjs node1 reset', prints: '0\n' },
    { command: 'node tutorials/web-redis/visit.mjs node2', prints: 'Hello! I have been seen 1 times.\n' },
  ],
});
