import { describeTutorial } from './tutorial.ts';

describeTutorial('mysql');
