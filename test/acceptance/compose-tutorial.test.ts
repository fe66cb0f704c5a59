// @images web-redis
// @images postgres
// @images compose
import { describeTutorial } from './tutorial.ts';

describeTutorial('compose');
