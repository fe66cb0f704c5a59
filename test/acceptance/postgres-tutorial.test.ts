// @images postgres
import { describeTutorial } from './tutorial.ts';

describeTutorial('postgres');
