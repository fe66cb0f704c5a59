import type { ActionOf } from '../../model/plan.ts';
import type { StepContext } from './step-context.ts';

/** Gives what is on the node the name of its deployment. Nothing is stopped, restarted or mounted for it. */
export async function setDeployment(
  { node, deployment, apps, volumes }: ActionOf<'set-deployment'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(node, signal);
  for (const copy of volumes.length === 0 ? [] : await client.volumes.list(signal)) {
    if (!volumes.includes(copy.id) || copy.role === 'incoming' || copy.deployment === deployment) continue;
    await client.volumes.setProperties(copy, { deployment }, signal);
  }
  if (apps.length === 0) return;
  const containers = await client.containers.list(signal);
  const ids = containers.flatMap(({ id, managed, application }) =>
    managed && application !== undefined && apps.includes(application) ? [id] : [],
  );
  await client.containers.adopt(ids, deployment, signal);
}
