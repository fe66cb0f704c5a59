/** `npm start`: the lab with the first tutorial running in it, or the reason why not. */
import { join } from 'node:path';
import { reachAt } from '../paths.mjs';
import { supportHere } from '../support.mjs';
import { ensureBuilt, ensurePackages, program } from './prepare.mjs';
import { hand, keep, root, wasInterrupted } from './run.mjs';
import { screenOf, startOnScreen, wantsScreen } from './screen.mjs';

const say = (text = '') => process.stdout.write(`${text}\n`);
// A lab in a namespace of its own (DROVER_LAB=NAME) is reached from inside it only.
const lab = process.env.DROVER_LAB;
const isOwn = lab !== undefined && lab !== '' && lab !== 'default' && process.getuid?.() === 0;
const inside = !isOwn ? [] : ['nsenter', `--net=/run/netns/${lab}`];
const wordsOf = (args) => [...inside, process.execPath, program, ...args];
const drover = (...args) => {
  const [file, ...rest] = wordsOf(args);
  return hand(file, rest);
};

/** The folder with the application whose data moves. */
const folder = join('tutorials', 'mongodb', '3-data-moves');

/** Without root the tutorial's port has to be opened on this machine. */
const PUBLISH = ['--publish', '27017'];

export async function start() {
  const support = supportHere();
  if (!support.ok) return withoutLab(support.reason, ensureBuilt);
  await ensureBuilt();
  await ensurePackages();
  const words = [join(root, 'lab', 'lab.mjs'), 'up', ...(support.rootless ? PUBLISH : [])];
  if (wantsScreen()) return startWithScreen([process.execPath, ...words]);
  const up = await hand(process.execPath, words);
  if (up !== 0 || wasInterrupted()) return up || 130;
  say();
  const applied = await drover('apply', '-C', folder);
  if (applied !== 0) return applied;
  say();
  const status = await drover('status', '-C', folder);
  await sayWhatNext();
  return status;
}

/** The same on a screen: the stages of the lab while it comes up, then its nodes, with the tutorial applied to them. */
function startWithScreen(words) {
  return startOnScreen({
    lab: words,
    screen: (stages) => screenOf(program, ['-C', folder, '--stages', stages]),
    after: async () => {
      const shown = await drover('-C', folder);
      if (shown === 0) await sayWhatNext();
      return shown;
    },
  });
}

/** The reason names the other way to real nodes; until then a simulated cluster shows what would happen on them. */
export async function withoutLab(reason, prepare) {
  say(reason);
  await prepare();
  say('Meanwhile, this is drover on a simulated cluster (again: `npm run -s drover -- demo`):');
  say();
  const shown = await hand(process.execPath, [program, 'demo']);
  // Nothing runs: whoever started this from a script must not take the simulation for the lab.
  return shown === 130 ? 130 : 1;
}

async function sayWhatNext() {
  const [file, ...rest] = wordsOf(['status', '-C', folder, '--json']);
  const { stdout } = await keep(file, rest);
  const { applications = [], nodes = [] } = JSON.parse(stdout);
  const app = applications.find(({ wanted }) => wanted !== undefined);
  if (app === undefined) return;
  say();
  for (const port of app.ports) {
    const places = nodes.map(({ node }) => `${schemeOf(port)}://${reachAt(node)}:${port}`);
    say(`"${app.application}" answers through every node: ${places.join('  ')}`);
  }
  const other = nodes.find(({ node }) => node !== app.wanted);
  if (other === undefined) return;
  say('Move it with its data, while clients stay connected to either node:');
  say(`  npm run drover -- move ${app.application} ${other.name ?? other.node} -C ${folder}`);
  say('Learn it step by step, on the screen:');
  say('  npm run -s drover -- tutorial mongodb');
  say('See what is there, enter a node, stop the lab:');
  say(`  npm run drover -- status -C ${folder}`);
  say('  npm run lab -- ssh node1');
  say('  npm run lab -- down');
}

const schemeOf = (port) => (port === 27_017 ? 'mongodb' : 'http');
