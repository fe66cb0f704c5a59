// @images elk
// @program chromium
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { type Browser, openBrowser } from './browser.ts';
import type { ConsoleCommand } from './console-blocks.ts';
import { hangsMs, node1, project } from './lab.ts';
import { describeTutorial } from './tutorial.ts';

const address = `http://${node1}/`;
/** Its first search of an emulated node may take half a minute. */
/** Set to write the tutorial's pictures again. */
const takesPictures = process.env.DROVER_TUTORIAL_PICTURES !== undefined;

/** One browser for the whole page: after the move the tab that was open before must show it, unreloaded. */
let browser: Browser | undefined;
let loads = 0;

afterAll(() => browser?.close());

async function shows(names: readonly string[], picture: string): Promise<void> {
  if (browser === undefined) {
    browser = await openBrowser();
    await browser.page.goto(address, { timeout: hangsMs });
    browser.page.on('load', () => {
      loads += 1;
    });
  }
  const { page, faults } = browser;
  await page.locator('#status', { hasText: new RegExp(`^${names.length} events$`) }).waitFor({ timeout: hangsMs });
  const rows = await page.locator('#events tr').allTextContents();
  console.log(`the page in the browser:\n${rows.join('\n')}`);
  expect(rows.map((row) => /firstname: (\S+)/.exec(row)?.[1]).toSorted()).toEqual(names.toSorted());
  expect(await page.locator('#histogram rect').count()).toBeGreaterThan(0);
  expect(faults).toEqual([]);
  if (takesPictures) await page.screenshot({ path: join(project, 'tutorials/elk', `${picture}.png`) });
}

/** The page as it must be once so many events were found on the command line. */
async function lookAtPage({ expected }: ConsoleCommand): Promise<void> {
  const last = expected.at(-1) ?? '';
  if (last === '2 event(s) found through node1') await shows(['Joe', 'Fred'], 'before');
  if (last === '3 event(s) found through node1') {
    await shows(['Joe', 'Fred', 'Jane'], 'after');
    expect(loads).toBe(0);
  }
}

const logs = 'node tutorials/elk/logs.mjs';
describeTutorial('elk', {
  after: lookAtPage,
  again: [
    { command: `${logs} node1 empty`, prints: 'all events taken out through node1\n' },
    { command: `${logs} node2 find 'lastname:Bloggs'`, prints: '0 event(s) found through node2\n' },
    { command: `${logs} node1 send '{"lastname": "Bloggs"}'`, prints: 'sent through node1\n' },
    {
      command: `${logs} node1 find 'lastname:Bloggs' 1`,
      prints: '{"lastname":"Bloggs"}\n1 event(s) found through node1\n',
    },
  ],
});
