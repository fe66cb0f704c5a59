import type { AppName, Config, NodeName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { nodeTitle } from '../../view/wording.ts';
import { tell, withConfig } from '../act-on.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { type Invocation, requireApplication, requireNode, withEngine } from '../invocation.ts';
import { printed } from '../style.ts';

/** A node's copies of an application's volumes become the owner's; asks for the application's name first. */
export const reclaim = (invocation: Invocation, word: string, on: string): Promise<ExitCode> =>
  withConfig(invocation, async (config) => {
    const app = requireApplication(config, word);
    const node = requireNode(config, on);
    await confirm(invocation, config, app, node);
    const told = await withEngine(invocation, 'gentle', async (engine, _files, { hard }) => {
      const volumes = await engine.acts.reclaim(app, node, hard);
      const lines = volumes.map(({ dataset, snapshot }) => {
        const end = snapshot === undefined ? '' : `, which ends with @${snapshot}`;
        return `✔ ${nodeTitle(config, node)} owns ${dataset}${end}`;
      });
      const text = [...lines, `  place "${app}" on that node in deployment.yml, then run \`drover apply\``];
      return { text, data: { app, node, volumes } };
    });
    tell(invocation, told);
    return exitCode.done;
  });

async function confirm(
  { world: { terminal }, options }: Invocation,
  config: Config,
  app: AppName,
  node: NodeName,
): Promise<void> {
  if (options.yes) return;
  const refusal = new AppError(
    'usage',
    `cannot reclaim the volumes of "${app}": the question was not answered with its name`,
    {
      hint: 'answer with the name of the application, or give --yes',
    },
  );
  if (terminal.ask === undefined || options.json) throw refusal;
  const question = printed`"${app}" goes on with the copies of its volumes on ${nodeTitle(config, node)}. What another node has written since these
were made is lost to it. Go on only where the node that has the volumes now is lost for good, or is off and stays off.
Type the name of the application to go on: `;
  if ((await terminal.ask(question)).trim() !== app) throw refusal;
}
