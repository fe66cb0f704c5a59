import { describeTutorial } from './tutorial.ts';

describeTutorial('mongodb');
