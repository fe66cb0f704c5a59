// @images mysql
import { describeTutorial } from './tutorial.ts';

describeTutorial('mysql');
