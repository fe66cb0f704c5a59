import type { AppName, Config, NodeName } from '../../model/config.ts';
import { nodeTitle } from '../../view/wording.ts';
import { printResult } from '../act-on.ts';
import { type Confirmation, confirm, typeItsName } from '../confirm.ts';
import type { ExitCode } from '../exit-code.ts';
import { configOf, type Invocation, requireApplication, requireNode, withEngine } from '../invocation.ts';
import { printed } from '../style.ts';

/** Makes a node the owner of an application's volumes; asks for the name of the application first. */
export async function reclaim(invocation: Invocation, word: string, on: string): Promise<ExitCode> {
  const config = await configOf(invocation);
  const app = requireApplication(config, word);
  const node = requireNode(config, on);
  await confirm(invocation, questionOf(config, app, node));
  const result = await withEngine(invocation, 'gentle', async (engine, _files, { hard }) => {
    const volumes = await engine.acts.reclaim(app, node, hard);
    const lines = volumes.map(({ dataset, snapshot }) => {
      const end = snapshot === undefined ? '' : `, which ends with @${snapshot}`;
      return `✔ ${nodeTitle(config, node)} owns ${dataset}${end}`;
    });
    const text = [...lines, `  place "${app}" on that node in deployment.yml, then run \`drover apply\``];
    return { text, data: { app, node, volumes } };
  });
  return printResult(invocation, result);
}

function questionOf(config: Config, app: AppName, node: NodeName): Confirmation {
  const question = printed`"${app}" continues with the copies of its volumes on ${nodeTitle(config, node)}, without the changes that another node
made after these copies. Continue only if the node that owns the volumes is lost for good, or is off and stays off.
Type the name of the application to continue: `;
  return { question, word: app, what: `reclaim the volumes of "${app}"`, hint: typeItsName };
}
