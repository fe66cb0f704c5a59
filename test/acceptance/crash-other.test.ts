import { crashCases } from './crash-cases.ts';
import { others } from './crash-tables.ts';

crashCases('another change in which something goes wrong', others);
