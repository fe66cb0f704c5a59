import { movingUnderLoad } from '../acceptance/under-load.ts';

movingUnderLoad(10);
