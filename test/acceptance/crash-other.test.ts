import { crashCases } from './crash-cases.ts';
import { othersInBrief } from './crash-tables.ts';

crashCases('another change in which something goes wrong', othersInBrief);
