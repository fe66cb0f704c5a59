import type { AppName, NodeName } from '../../model/config.ts';
import { printName } from './edit.ts';

/** What a first deployment.yml says. */
export interface NewDeployment {
  /** Name of the application file, as the comments mention it. */
  readonly applicationFile: string;
  /** All of them are placed on the first node. */
  readonly applications: readonly AppName[];
  readonly nodes: readonly NodeName[];
  /** The node is an example that the user has to replace. */
  readonly isPlaceholder?: boolean;
}

/** Longer lists have one application per line. */
const longestLine = 100;

/** The text of a deployment file, with comments that explain it. */
export function newDeployment({ applicationFile, applications, nodes, isPlaceholder }: NewDeployment): string {
  const remark = isPlaceholder === true ? ' # an example: write the address or name of your node here' : '';
  const [first = '', ...others] = nodes;
  const lines = [
    `# Where the applications of ${applicationFile} run: node -> applications.`,
    '# To move an application with its data, write its name into the list of another node and save.',
    '# An application that is in no list does not run.',
    'version: 1',
    'nodes:',
    ...entry(first, applications, remark),
    ...others.map((node) => `  ${printName(node)}: []`),
    ...(others.length > 0 ? [] : ['  # For a second node: drover node add ADDRESS']),
  ];
  return `${lines.join('\n')}\n`;
}

function entry(node: NodeName, applications: readonly AppName[], remark: string): readonly string[] {
  const names = applications.map(printName);
  const flow = `  ${printName(node)}: [${names.join(', ')}]${remark}`;
  if (flow.length <= longestLine) return [flow];
  return [`  ${printName(node)}:${remark}`, ...names.map((name) => `    - ${name}`)];
}
