/** `npm start`: starts the lab and deploys the first tutorial in it, or prints why this machine cannot. */
import { join } from 'node:path';
import { reachAt } from '../lab/paths.mjs';
import { supportHere } from '../lab/support.mjs';
import { ensureBuilt, program } from './prepare.mjs';
import { capture, inherit, root, wasInterrupted } from './run.mjs';
import { startOnScreen, wantsScreen } from './screen.ts';

const say = (text = ''): void => void process.stdout.write(`${text}\n`);
// A lab in a namespace of its own (DROVER_LAB=NAME) is reachable only from inside it.
const lab = process.env.DROVER_LAB;
const isOwn = lab !== undefined && lab !== '' && lab !== 'default' && process.getuid?.() === 0;
const inside = !isOwn ? [] : ['nsenter', `--net=/run/netns/${lab}`];
const wordsOf = (args: readonly string[]): readonly [string, readonly string[]] => {
  const [file = '', ...rest] = [...inside, process.execPath, program, ...args];
  return [file, rest];
};
const drover = (...args: readonly string[]): Promise<number> => inherit(...wordsOf(args));

/** The part of the tutorial whose application moves with its data. */
const folder = join('tutorials', 'mongodb', '3-data-moves');

/** Without root the lab has to open the tutorial's port on this machine. */
const PUBLISH = ['--publish', '27017'];

const HELP = `Usage: npm start

Starts a lab of two nodes with OpenZFS and Docker and deploys the first tutorial in it: on a terminal with drover's screen,
elsewhere with lines. The first start takes about ten minutes, later ones seconds. Where this machine cannot run the lab, it
prints why and shows drover on a simulated cluster.

DROVER_LAB=NAME uses a lab of that name in a network namespace. \`npm run lab -- --help\` has more.
`;

/** Resolves to the exit status. */
export async function start(args: readonly string[] = []): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (args[0] !== undefined) {
    process.stderr.write(`unexpected argument "${args[0]}"; see \`npm start -- --help\`\n`);
    return 64;
  }
  const support = supportHere();
  if (!support.ok) return withoutLab(support.reason, ensureBuilt);
  await ensureBuilt();
  const words = [join(root, 'lab', 'lab.mjs'), 'up', ...(support.rootless ? PUBLISH : [])];
  if (wantsScreen()) return startWithScreen([process.execPath, ...words]);
  const up = await inherit(process.execPath, words);
  if (up !== 0 || wasInterrupted()) return up || 130;
  say();
  const applied = await drover('apply', '-C', folder);
  if (applied !== 0) return applied;
  say();
  const status = await drover('status', '-C', folder);
  await sayWhatIsNext();
  return status;
}

/** The same on a screen: the stages of the lab while it starts, then its nodes with the tutorial's files. */
function startWithScreen(words: readonly string[]): Promise<number> {
  return startOnScreen({
    lab: words,
    screen: (stages) => inherit(process.execPath, [program, '-C', folder, '--stages', stages]),
    after: async () => {
      const shown = await drover('-C', folder);
      if (shown === 0) await sayWhatIsNext();
      return shown;
    },
  });
}

/** Prints why there is no lab (the reason names the other way to real nodes) and shows drover on a simulated cluster. */
export async function withoutLab(reason: string, prepare: () => Promise<void>): Promise<number> {
  say(reason);
  await prepare();
  say('This is drover on a simulated cluster (`npm run -s drover -- demo` starts it again):');
  say();
  const shown = await inherit(process.execPath, [program, 'demo']);
  // A script must not take the simulation for the lab, so the status is never 0.
  return shown === 130 ? 130 : 1;
}

/** The part of `drover status --json` that is used here. */
interface Status {
  readonly applications?: readonly {
    readonly application: string;
    readonly wanted?: string;
    readonly ports: readonly number[];
  }[];
  readonly nodes?: readonly { readonly node: string; readonly name?: string }[];
}

/** Prints addresses of the application and commands to try. */
async function sayWhatIsNext(): Promise<void> {
  const { stdout } = await capture(...wordsOf(['status', '-C', folder, '--json']));
  const { applications = [], nodes = [] }: Status = JSON.parse(stdout);
  const app = applications.find(({ wanted }) => wanted !== undefined);
  if (app === undefined) return;
  say();
  for (const port of app.ports) {
    const places = nodes.map(({ node }) => `${schemeOf(port)}://${reachAt(node)}:${port}`);
    say(`"${app.application}" answers through every node: ${places.join('  ')}`);
  }
  const other = nodes.find(({ node }) => node !== app.wanted);
  if (other === undefined) return;
  say('Move it with its data, while clients use either node:');
  say(`  npm run drover -- move ${app.application} ${other.name ?? other.node} -C ${folder}`);
  say('Follow the tutorial on the screen:');
  say('  npm run -s drover -- tutorial mongodb');
  say('See the status, enter a node, stop the lab:');
  say(`  npm run drover -- status -C ${folder}`);
  say('  npm run lab -- ssh node1');
  say('  npm run lab -- down');
}

const schemeOf = (port: number): string => (port === 27_017 ? 'mongodb' : 'http');
