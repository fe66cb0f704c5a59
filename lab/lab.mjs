#!/usr/bin/env node
// @ts-check
/** The lab's command (`npm run lab -- COMMAND`). JavaScript, so that `node lab/lab.mjs` works; main.ts is the program. */
import { useTypeScript } from '../scripts/ts.mjs';

useTypeScript();
await import('./main.ts');
