import type { Container } from '../model/cluster.ts';
import type { DeploymentName } from '../model/config.ts';
import { isDeploymentName } from '../model/untrusted.ts';

/** What a label or a record of a node says; a word that is not a name counts as none. */
export function parseDeployment(text: string | undefined): DeploymentName | undefined {
  return isDeploymentName(text) ? text : undefined;
}

/** The containers with the deployments that the node's record gives them. */
export function withRecord(containers: readonly Container[], record: string): readonly Container[] {
  const names = new Map<string, DeploymentName>();
  for (const line of record.split('\n')) {
    const [id = '', word] = line.split(' ');
    const name = parseDeployment(word);
    if (name !== undefined) names.set(id, name);
  }
  return containers.map((container) => {
    const deployment = container.managed ? names.get(container.id) : undefined;
    return deployment === undefined ? container : { ...container, deployment };
  });
}
