import { crashCases } from '../acceptance/crash-cases.ts';
import { moves } from '../acceptance/crash-tables.ts';

crashCases('a move in which something goes wrong, all cases', moves);
