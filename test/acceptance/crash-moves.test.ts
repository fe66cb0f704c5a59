import { crashCases } from './crash-cases.ts';
import { movesInBrief } from './crash-tables.ts';

crashCases('a move in which something goes wrong', movesInBrief);
