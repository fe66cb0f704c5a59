import { crashCases } from './crash-cases.ts';
import { moves } from './crash-tables.ts';

crashCases('a move in which something goes wrong', moves);
