import { crashCases } from '../acceptance/crash-cases.ts';
import { others } from '../acceptance/crash-tables.ts';

crashCases('anything else in which something goes wrong, all cases', others);
