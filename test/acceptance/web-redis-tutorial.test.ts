import { describeTutorial } from './tutorial.ts';

describeTutorial('web-redis');
