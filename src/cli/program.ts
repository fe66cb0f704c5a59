import { Command, Help, type Option } from 'commander';
import { AppError } from '../model/errors.ts';
import { closest } from '../view/closest.ts';
import { addActs, type Run } from './act-verbs.ts';
import { apply, watch } from './commands/apply.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { logs, parseCount } from './commands/logs.ts';
import { move } from './commands/move.ts';
import { plan } from './commands/plan.ts';
import { status } from './commands/status.ts';
import { trust } from './commands/trust.ts';
import { tui } from './commands/tui.ts';
import { tutorial } from './commands/tutorial.ts';
import { validate } from './commands/validate.ts';
import { examples, overviewExamples } from './examples.ts';
import type { ExitCode } from './exit-code.ts';
import type { CommonOptions, Invocation } from './invocation.ts';
import { addNodeVerbs } from './node-verbs.ts';
import { addRemovalOption, allowing, type RemovalFlag } from './removal.ts';
import { addScreenOptions, type ScreenFlags, screenFlagsOf } from './screen-options.ts';
import { painter, printText } from './style.ts';
import { addTakeOverOption, confirmTakeOver, type TakeOverFlag, takingOver } from './take-over.ts';
import type { World } from './world.ts';

/** The words of the command line; `done` gets the exit code of the verb that ran. */
export function createProgram(world: World, done: (code: ExitCode) => void): Command {
  const program = new Command('drover')
    .description('Makes several Docker hosts be as two files say; ZFS volumes move with their applications.')
    .usage('[options] [verb]')
    .version(world.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, subcommandTerm: termOf, visibleGlobalOptions: globalOptions })
    .configureOutput({
      writeOut: (text) => world.terminal.out(printText(text)),
      writeErr: (text) => world.terminal.err(printText(text)),
      getOutHelpWidth: world.terminal.columns,
      getErrHelpWidth: world.terminal.columns,
      getOutHasColors: () => world.terminal.colour,
      getErrHasColors: () => world.terminal.colour,
      outputError: (text, write) => write(text.replace(/^error: /, 'drover: ')),
    })
    .exitOverride()
    .argument('[verb]')
    .addHelpText('after', overviewExamples);
  addCommonOptions(program);
  addScreenOptions(program);
  const run = (work: (invocation: Invocation) => Promise<ExitCode>): Promise<void> =>
    work(invocationOf(program, world)).then(done);
  program.action((verb: string | undefined, flags: ScreenFlags) => {
    if (verb !== undefined) throw unknownVerb(verb, program);
    return run((invocation) => tui(invocation, flags));
  });
  addReadingVerbs(program, run);
  addChangingVerbs(program, run);
  addTutorial(program, run);
  addActs((name, description) => verb(program, name, description), run);
  addNodeVerbs((name, description) => verb(program, name, description), run);
  hideVerbArgument(program);
  return program;
}

/** The screen's options are the program's own, and no other verb's. */
function globalOptions(command: Command): Option[] {
  const screens = new Set(addScreenOptions(new Command()).options.map(({ flags }) => flags));
  return new Help().visibleGlobalOptions(command).filter(({ flags }) => !screens.has(flags));
}

function addCommonOptions(program: Command): void {
  program
    .option('-C, --directory <dir>', 'folder that has application.yml and deployment.yml (this one)')
    .option('-d, --deployment <file>', 'deployment file')
    .option('-a, --application <file>', 'application file')
    .option('--inventory <file>', 'drover.yml: how to reach the nodes (beside the files, or $DROVER_INVENTORY)')
    .option('--vagrant', "the nodes are the machines of the Vagrantfile at or above the folder (or drover's own)")
    .option('--json', 'print JSON: one document, or one event a line for apply, deploy, watch and demo')
    .option('-q, --quiet', 'print results and failures only')
    .option('-y, --yes', 'ask nothing, the answer is yes')
    .option('--no-color', 'print without colours (also with $NO_COLOR, and where the output is no terminal)');
}

function invocationOf(program: Command, world: World, files: Partial<CommonOptions> = {}): Invocation {
  const given = program.opts<Partial<CommonOptions> & { color: boolean }>();
  const { color, ...options } = given;
  return {
    world,
    verb: program.args[0] ?? 'screen',
    options: { ...options, json: given.json ?? false, quiet: given.quiet ?? false, yes: given.yes ?? false, ...files },
    paint: painter(world.terminal.colour && color),
  };
}

function addReadingVerbs(program: Command, run: Run): void {
  verb(program, 'validate', 'say what is wrong with the files, each problem at its place')
    .option('--fix', 'write what is certain to be meant into the files, and show it')
    .action(({ fix = false }: { fix?: boolean }) => run((invocation) => validate(invocation, { fix })));
  addTakeOverOption(verb(program, 'plan', 'say what apply would do, and why'))
    .option('--detailed-exitcode', 'exit with 2 where there is something to do')
    .action(({ detailedExitcode = false, ...flags }: { detailedExitcode?: boolean } & TakeOverFlag) =>
      run((invocation) => plan(takingOver(invocation, flags), { detailedExitcode })),
    );
  verb(program, 'status', 'show nodes, applications and volumes as they are').action(() => run(status));
  verb(program, 'logs', 'print what an application wrote')
    .argument('<app>', 'application')
    .option('-f, --follow', 'go on with what it writes from now on')
    .option('--tail <lines>', 'only so many of the last lines', parseCount)
    .option('-t, --timestamps', 'the time before each line')
    .action((app: string, options: { follow?: boolean; tail?: number; timestamps?: boolean }) =>
      run((invocation) => logs(invocation, app, { ...options, follow: options.follow ?? false })),
    );
  verb(program, 'doctor', 'try out on the nodes what could be in the way, and name the command that mends it')
    .argument('[node]', 'name or address')
    .option('--quick', 'look only: try no connections, no sessions, no clocks')
    .action((node: string | undefined, { quick = false }: { quick?: boolean }) =>
      run((invocation) => doctor(invocation, node, { quick })),
    );
}

function addChangingVerbs(program: Command, run: Run): void {
  addTakeOverOption(addRemovalOption(verb(program, 'apply', 'make the nodes as the files say'))).action(
    (flags: RemovalFlag & TakeOverFlag) =>
      run(async (invocation) => apply(await confirmTakeOver(allowing(invocation, flags), flags))),
  );
  addRemovalOption(verb(program, 'watch', 'apply now and after every save, until Ctrl-C')).action(
    (flags: RemovalFlag) => run((invocation) => watch(allowing(invocation, flags))),
  );
  addRemovalOption(verb(program, 'move', 'place an application on another node: edits deployment.yml, then applies'))
    .argument('<app>', 'application')
    .argument('<node>', 'name or address')
    .option('--no-apply', 'edit the file only')
    .action((app: string, node: string, flags: { apply: boolean } & RemovalFlag) =>
      run((invocation) => move(allowing(invocation, flags), app, node, flags)),
    );
  addRemovalOption(verb(program, 'deploy', "apply with both files named, in flocker-deploy's order"))
    .argument('<deployment>', 'deployment file')
    .argument('<application>', 'application file')
    .action((deployment: string, application: string, flags: RemovalFlag) =>
      run((invocation) =>
        apply(allowing({ ...invocation, options: { ...invocation.options, deployment, application } }, flags)),
      ),
    );
  verb(program, 'trust', 'first contact: show the key of a node, and keep it once you say it is right')
    .argument('<node>', 'name or address')
    .option('--fingerprint <sha256>', 'accept the key if it has this fingerprint, SHA256:…')
    .action((node: string, options: { fingerprint?: string }) => run((invocation) => trust(invocation, node, options)));
  addScreenOptions(verb(program, 'demo', 'the screen on a SIMULATED cluster: no nodes, no files'))
    .option('--fast', 'a move in lines, without the delays a person needs to follow')
    .action(({ fast = false }: { fast?: boolean }, command: Command) =>
      run((invocation) => demo(invocation, { fast, ...screenFlagsOf(command) })),
    );
}

function addTutorial(program: Command, run: Run): void {
  const added = verb(program, 'tutorial', 'learn on real nodes: lists the tutorials, or leads through one step by step')
    .argument('[name]', 'tutorial')
    .option('--reset', 'begin anew: the files as the page gives them, and no step done');
  addScreenOptions(added).action((name: string | undefined, { reset = false }: { reset?: boolean }, command: Command) =>
    run((invocation) => tutorial(invocation, name, { reset, ...screenFlagsOf(command) })),
  );
  added.addHelpText(
    'after',
    'A step is done when the nodes show it, whoever brought it there. In a clone the files of the page are worked on;\notherwise, and with -C, a copy of them (drover-tutorial-NAME). Without a terminal it goes on in lines.\n',
  );
}

function verb(program: Command, name: keyof typeof examples, description: string): Command {
  return program
    .command(name)
    .description(description)
    .addHelpText('after', `\nExamples:\n${examples[name].map((each) => `  drover ${each}\n`).join('')}`);
}

/** The argument is only there to catch mistyped verbs; the help lists the verbs themselves. */
function hideVerbArgument(program: Command): void {
  const visible = program.createHelp().visibleArguments;
  program.configureHelp({
    ...program.configureHelp(),
    visibleArguments: (command) => (command === program ? [] : visible(command)),
  });
}

function unknownVerb(word: string, program: Command): AppError {
  const near = closest(
    word,
    program.commands.map((command) => command.name()),
  );
  return new AppError('usage', `cannot do "${word}": there is no such verb`, {
    hint: near === undefined ? 'see `drover --help`' : `did you mean \`drover ${near}\`?`,
  });
}

/** `move <app> <node>`: the options are in the verb's own help. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`));
  return [command.name(), ...words].join(' ');
}
