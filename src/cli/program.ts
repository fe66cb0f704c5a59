import { Command, Help, InvalidArgumentError, type Option } from 'commander';
import type { DeploymentName } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import { isDeploymentName } from '../model/untrusted.ts';
import { closest } from '../view/closest.ts';
import { addActs, type Run } from './act-verbs.ts';
import { apply, watch } from './commands/apply.ts';
import { demo } from './commands/demo.ts';
import { doctor, testFence } from './commands/doctor.ts';
import { type DrainOptions, drain } from './commands/drain.ts';
import { type ExportOptions, exportFiles, parseManner } from './commands/export.ts';
import { history, nodeHistory } from './commands/history.ts';
import { type ImportOptions, importNode } from './commands/import.ts';
import { type InitOptions, init } from './commands/init.ts';
import { logs, parseCount } from './commands/logs.ts';
import { move } from './commands/move.ts';
import { type AddOptions, nodeAdd } from './commands/node-add.ts';
import { nodeList } from './commands/node-list.ts';
import { nodeRemove } from './commands/node-remove.ts';
import { plan } from './commands/plan.ts';
import { status } from './commands/status.ts';
import { trust } from './commands/trust.ts';
import { tui } from './commands/tui.ts';
import { tutorial } from './commands/tutorial.ts';
import { undo } from './commands/undo.ts';
import { validate } from './commands/validate.ts';
import { confirm } from './confirm.ts';
import { examples, overviewExamples, withExamples } from './examples.ts';
import type { ExitCode } from './exit-code.ts';
import type { CommonOptions, Invocation } from './invocation.ts';
import { addRemovalOption, allowing, type RemovalFlag } from './removal.ts';
import { addScreenOptions, type ScreenFlags, screenFlagsOf } from './screen-options.ts';
import { painter, printed, printText } from './style.ts';
import type { World } from './world.ts';

/** The command line. `done` receives the exit code of the verb that ran. */
export function createProgram(world: World, done: (code: ExitCode) => void): Command {
  const program = new Command('drover')
    .description(
      'Keeps several Docker hosts in the state that two YAML files describe.\nZFS volumes move with their applications.',
    )
    .usage('[options] [command]')
    .version(world.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
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
    .argument('[command]')
    .addHelpText('after', overviewExamples);
  addCommonOptions(program);
  addScreenOptions(program);
  const run = (work: (invocation: Invocation) => Promise<ExitCode>): Promise<void> =>
    work(invocationOf(program, world)).then(done);
  program.action((word: string | undefined, flags: ScreenFlags) => {
    if (word !== undefined) throw unknownCommand(word, program);
    return run((invocation) => tui(invocation, flags));
  });
  addComposeVerbs(program, run);
  addExport(program, run);
  addReadingVerbs(program, run);
  addChangingVerbs(program, run);
  addLearningVerbs(program, run);
  addActs((name, about, lines) => withExamples(program.command(name).description(about), lines), run);
  addHistoryVerbs(program, run);
  addNodeVerbs(verb(program, 'node', 'add hosts as nodes, list nodes, and remove nodes'), run);
  hideVerbArgument(program);
  return program;
}

/** The options of the screen belong to `drover` itself: the help of the other commands leaves them out. */
function globalOptions(command: Command): Option[] {
  const screens = new Set(addScreenOptions(new Command()).options.map(({ flags }) => flags));
  return new Help().visibleGlobalOptions(command).filter(({ flags }) => !screens.has(flags));
}

function addCommonOptions(program: Command): void {
  program
    .option('-C, --directory <dir>', 'folder of application.yml and deployment.yml (default: the current folder)')
    .option('-d, --deployment <file>', 'deployment file')
    .option('-a, --application <file>', 'application file; several Compose files are merged in their order', addTo)
    .option('--env-file <file>', 'file with variables for a Compose file, in place of .env; may be repeated', addTo)
    .option('--profile <name>', 'enable services of a Compose file that have this profile; may be repeated', addTo)
    .option('--inventory <file>', 'drover.yml (default: $DROVER_INVENTORY, or the one in the folder)')
    .option('--vagrant', "use the machines of a Vagrantfile as nodes: in the folder, above it, or drover's own")
    .option('--json', 'print JSON: one document; apply, deploy, watch and demo print one event per line')
    .option('-q, --quiet', 'print only results and errors')
    .option('-y, --yes', 'answer yes to every question')
    .option('--no-color', 'print without colours (default: $NO_COLOR, or if the output is not a terminal)');
}

/** The values of an option that may be repeated. */
const addTo = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

interface DoctorFlags {
  readonly quick?: boolean;
  readonly fence?: string;
  readonly really?: boolean;
}

interface GivenOptions extends Omit<Partial<CommonOptions>, 'application'> {
  readonly color: boolean;
  readonly application?: readonly string[];
  readonly envFile?: readonly string[];
  readonly profile?: readonly string[];
}

function invocationOf(program: Command, world: World): Invocation {
  const given = program.opts<GivenOptions>();
  const { color, application: [application, ...overrides] = [], envFile: envFiles, profile: profiles, ...rest } = given;
  const options = { ...rest, overrides, ...defined({ application, envFiles, profiles }) };
  return {
    world,
    verb: program.args[0] ?? 'screen',
    options: { ...options, json: given.json ?? false, quiet: given.quiet ?? false, yes: given.yes ?? false },
    paint: painter(world.terminal.colour && color),
  };
}

function addReadingVerbs(program: Command, run: Run): void {
  verb(program, 'validate', 'check the files and list every problem with its line')
    .option('--fix', 'write the fixes that are certain into the files, and print the changes')
    .action(({ fix = false }: { fix?: boolean }) => run((invocation) => validate(invocation, { fix })));
  addTakeOverOption(verb(program, 'plan', 'show what apply would do, and why'))
    .option('--detailed-exitcode', 'exit with 2 if there are changes')
    .action(({ detailedExitcode = false, ...flags }: { detailedExitcode?: boolean } & TakeOverFlag) =>
      run((invocation) => plan(takingOver(invocation, flags), { detailedExitcode })),
    );
  verb(program, 'status', 'show the nodes, applications and volumes')
    .option('--check', 'exit with 1 if an application does not run, or a standby is too old')
    .action(({ check = false }: { check?: boolean }) => run((invocation) => status(invocation, { check })));
  verb(program, 'logs', 'print the logs of an application')
    .argument('<app>', 'application')
    .option('-f, --follow', 'continue to print new lines')
    .option('--tail <lines>', 'print only this many lines from the end', parseCount)
    .option('-t, --timestamps', 'print the time before each line')
    .action((app: string, options: { follow?: boolean; tail?: number; timestamps?: boolean }) =>
      run((invocation) => logs(invocation, app, { ...options, follow: options.follow ?? false })),
    );
  verb(program, 'doctor', 'test the nodes for what could prevent a move, and print the command that fixes it')
    .argument('[node]', 'name or address')
    .option('--quick', 'only observe: do not test connections, sessions and clocks')
    .option('--fence <node>', 'with --really: switch this node off with its fence, and check that it is silent')
    .option('--really', 'the node of --fence may be switched off')
    .action((node: string | undefined, { quick = false, fence, really = false }: DoctorFlags) =>
      run((invocation) =>
        fence === undefined ? doctor(invocation, node, { quick }) : testFence(invocation, fence, { really }),
      ),
    );
}

function addChangingVerbs(program: Command, run: Run): void {
  addTakeOverOption(
    addRemovalOption(verb(program, 'apply', 'bring the nodes into the state that the files describe')),
  ).action((flags: RemovalFlag & TakeOverFlag) =>
    run(async (invocation) => apply(await confirmTakeOver(allowing(invocation, flags), flags))),
  );
  addRemovalOption(verb(program, 'watch', 'apply now and after every save, until Ctrl-C')).action(
    (flags: RemovalFlag) => run((invocation) => watch(allowing(invocation, flags))),
  );
  addRemovalOption(verb(program, 'move', 'move an application to another node: edit deployment.yml, then apply'))
    .argument('<app>', 'application')
    .argument('<node>', 'name or address')
    .option('--no-apply', 'only edit the file')
    .action((app: string, node: string, flags: { apply: boolean } & RemovalFlag) =>
      run((invocation) => move(allowing(invocation, flags), app, node, flags)),
    );
  addRemovalOption(verb(program, 'drain', 'move every application away from a node, as far as the others have room'))
    .argument('<node>', 'name or address')
    .option('--to <node...>', 'only to these nodes')
    .option('--dry-run', 'show what would move where, and change nothing')
    .action((node: string, flags: DrainOptions & RemovalFlag) =>
      run((invocation) => drain(allowing(invocation, flags), node, flags)),
    );
  addRemovalOption(verb(program, 'deploy', 'apply two files, given in the order of flocker-deploy'))
    .argument('<deployment>', 'deployment file')
    .argument('<application>', 'application file')
    .action((deployment: string, application: string, flags: RemovalFlag) =>
      run((invocation) =>
        apply(allowing({ ...invocation, options: { ...invocation.options, deployment, application } }, flags)),
      ),
    );
  verb(program, 'trust', 'show the host key of a new node, and store it after you confirm it')
    .argument('<node>', 'name or address')
    .option('--fingerprint <sha256>', 'accept the key if it has this fingerprint (SHA256:…)')
    .action((node: string, options: { fingerprint?: string }) => run((invocation) => trust(invocation, node, options)));
}

function addHistoryVerbs(program: Command, run: Run): void {
  verb(program, 'history', 'list earlier runs of these files with their steps and results')
    .argument('[run]', 'id of a run, the beginning of an id, or "last"')
    .option('--node <node>', 'list every run that locked this node, from any machine')
    .action((id: string | undefined, { node }: { node?: string }) =>
      run((invocation) => (node === undefined ? history(invocation, id) : nodeHistory(invocation, node, id))),
    );
  addRemovalOption(verb(program, 'undo', 'restore the files from before the last run that changed them, then apply'))
    .option('--force', 'restore the files even if they were edited since; the edits are lost')
    .option('--no-apply', 'only restore the files')
    .action(({ force = false, apply, ...flags }: { force?: boolean; apply: boolean } & RemovalFlag) =>
      run((invocation) => undo(allowing(invocation, flags), { force, apply })),
    )
    .addHelpText(
      'after',
      'Each run stores the text of both files in the state folder. Only you can read it: environment variables may\ncontain passwords.\n',
    );
}

/** From Docker Compose to drover, and back. */
function addComposeVerbs(program: Command, run: Run): void {
  verb(program, 'init', 'write a first deployment.yml for a Compose file or an application.yml')
    .option(
      '-n, --node <host...>',
      'nodes, as ADDRESS or USER@ADDRESS (default: those of drover.yml, Vagrant or the lab)',
    )
    .option('--dry-run', 'show the file, and write nothing')
    .action((flags: InitOptions) => run((invocation) => init(invocation, flags)))
    .addHelpText('after', 'Every application is placed on the first node. A file that exists is never overwritten.\n');
  verb(program, 'import', "take over a node's Compose project or containers, with their volumes")
    .argument('<node>', 'name, ADDRESS or USER@ADDRESS')
    .option('-p, --project <name>', 'all services of this Compose project')
    .option('--container <name...>', 'these containers')
    .option('--dry-run', 'show what would happen, and change nothing')
    .option('--no-apply', 'copy the data and write the files, but start nothing')
    .action((node: string, flags: ImportOptions) => run((invocation) => importNode(invocation, node, flags)))
    .addHelpText(
      'after',
      'Without --project and --container it lists what the node has. The old containers are stopped and kept, and so are\ntheir volumes: each volume is copied into a dataset, first while it is in use, then the rest, and compared byte by byte.\nAfter Ctrl-C the old containers run again; run the same command again to go on.\n',
    );
}

/** The way back to Docker Compose. */
function addExport(program: Command, run: Run): void {
  verb(program, 'export', 'write the applications as a plain Compose file, and say where their data is')
    .option(
      '--volumes <manner>',
      'bind: use the data where it is; copy: volumes of Docker, with the commands',
      parseManner,
      'bind',
    )
    .option('--node <node>', 'only what is placed on this node')
    .option('-o, --output <file>', 'write a new file that only you can read (default: print it)')
    .action((flags: ExportOptions) => run((invocation) => exportFiles(invocation, flags)));
}

function addLearningVerbs(program: Command, run: Run): void {
  addScreenOptions(verb(program, 'demo', 'open the screen on a SIMULATED cluster: needs no nodes and no files'))
    .option('--fast', 'print a move as lines, without delays')
    .action(({ fast = false }: { fast?: boolean }, command: Command) =>
      run((invocation) => demo(invocation, { fast, ...screenFlagsOf(command) })),
    );
  addScreenOptions(verb(program, 'tutorial', 'learn on real nodes: list the tutorials, or follow one step by step'))
    .argument('[name]', 'tutorial')
    .option('--reset', 'start again: restore the files of the tutorial and clear its progress')
    .action((name: string | undefined, { reset = false }: { reset?: boolean }, command: Command) =>
      run((invocation) => tutorial(invocation, name, { reset, ...screenFlagsOf(command) })),
    )
    .addHelpText(
      'after',
      'A step is done when the nodes show it, whether you or drover did it. In a clone of the repository you edit the\nfiles of the tutorial; otherwise, and with -C, a copy of them (drover-tutorial-NAME). Without a terminal the\ntutorial runs as lines.\n',
    );
}

const verb = (parent: Command, name: keyof typeof examples, about: string): Command =>
  withExamples(parent.command(name).description(about), examples[name]);

/** The argument exists only to catch mistyped commands; the help lists the commands themselves. */
function hideVerbArgument(program: Command): void {
  const visible = program.createHelp().visibleArguments;
  program.configureHelp({
    ...program.configureHelp(),
    visibleArguments: (command) => (command === program ? [] : visible(command)),
  });
}

function unknownCommand(word: string, program: Command): AppError {
  const near = closest(
    word,
    program.commands.map((command) => command.name()),
  );
  return new AppError('usage', `unknown command "${word}"`, {
    hint: near === undefined ? 'see `drover --help`' : `did you mean \`drover ${near}\`?`,
  });
}

/** `move <app> <node>`: the help of the command itself lists its options. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`));
  return [command.name(), ...words].join(' ');
}

/** The option `--take-over NAME`. */
interface TakeOverFlag {
  readonly takeOver?: DeploymentName;
}

const addTakeOverOption = (verb: Command): Command =>
  verb.option('--take-over <name>', 'take over what the files describe from this deployment');

/** For `plan`, which needs no confirmation. */
function takingOver(invocation: Invocation, { takeOver }: TakeOverFlag): Invocation {
  if (takeOver === undefined) return invocation;
  checkDeploymentName(takeOver);
  return { ...invocation, takesOver: takeOver };
}

/** Asks for the name of the other deployment first: its own files must no longer be applied. Throws `usage`. */
async function confirmTakeOver(invocation: Invocation, flags: TakeOverFlag): Promise<Invocation> {
  const { takeOver: name } = flags;
  if (name === undefined) return invocation;
  const question = printed`What these files describe will no longer belong to the deployment "${name}".
An apply of its own files will leave it alone. Type ${name} to confirm: `;
  checkDeploymentName(name);
  const hint = `type ${name} to confirm, or add --yes`;
  await confirm(invocation, { question, word: name, what: `take over from "${name}"`, hint });
  return takingOver(invocation, flags);
}

function checkDeploymentName(name: DeploymentName): void {
  if (isDeploymentName(name)) return;
  throw new AppError('usage', `cannot take over from ${JSON.stringify(name)}: it is not the name of a deployment`, {
    hint: '`drover plan` names the deployment that has an application',
  });
}

/** `drover node add|list|remove`. */
function addNodeVerbs(node: Command, run: Run): void {
  const verb = (name: 'add' | 'list' | 'remove', about: string): Command =>
    withExamples(node.command(name).description(about), examples[`node ${name}`]);
  addNodeAdd(verb('add', 'set up a Debian or Ubuntu host as a node; shows every step and asks first'), run);
  verb('list', 'list the nodes with their state, versions and applications').action(() => run(nodeList));
  verb('remove', 'remove a node from the files; it must hold no containers and no data')
    .argument('<node>', 'name or address')
    .option('--purge', 'also remove drover’s services, files and port map from the host; keep its pool and datasets')
    .option('--lost', 'the node and its data are lost for good: after a question, every node forgets it')
    .action((word: string, { purge = false, lost = false }: { purge?: boolean; lost?: boolean }) =>
      run((invocation) => nodeRemove(invocation, word, { purge, lost })),
    );
}

function addNodeAdd(verb: Command, run: Run): void {
  verb
    .argument('<host>', 'address, or a name from DNS or ~/.ssh/config; USER@HOST is allowed')
    .option('--check', 'change nothing; exit with 0 if it is a node, 2 if there are steps to do, 1 if it cannot be one')
    .option('--pool <disk>', 'an empty disk (/dev/sdb), or a file with its size (/var/lib/drover-pool.img:20G)')
    .option('--name <name>', 'name of the node (default for an address: the host name of the host)')
    .option('--user <user>', 'SSH user: root, or a user with passwordless sudo')
    .option('--port <port>', 'SSH port', parsePort)
    .option('--identity <file>', 'private key for the login')
    .option('--jump <hosts>', '[user@]host[:port] to go through, as ssh -J')
    .option('--known-hosts <file>', 'file with host keys (default: ~/.ssh/known_hosts)')
    .option('--fingerprint <sha256>', 'accept the host key if it has this fingerprint (SHA256:…)')
    .option('--no-files', 'do not edit drover.yml and deployment.yml')
    .action((host: string, options: AddOptions) => run((invocation) => nodeAdd(invocation, host, options)));
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a number from 1 to 65535.');
}
