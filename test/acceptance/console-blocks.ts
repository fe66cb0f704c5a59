export { type ConsoleCommand, matchesPage, readConsoleBlocks } from '../../src/tutorial/console-blocks.ts';
