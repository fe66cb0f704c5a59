import type { Config, LoadResult, NodeName, NodeSettings } from '../model/config.ts';

/**
 * `own` was read without the lab's inventory, `lab` with it as the last one. The lab describes nodes that nothing else describes, and never brings nodes in: a deployment elsewhere must not
 * reach for the lab's nodes only because a lab happens to be there.
 */
export function withLabNodes(own: LoadResult, lab: LoadResult): LoadResult {
  // Files that name their nodes as the lab does (`node1`) are only right together with the lab's inventory.
  if (!own.ok) {
    if (lab.ok) return { ok: true, config: onlyPlaced(lab.config) };
    return lab.problems.length < own.problems.length ? lab : own;
  }
  if (!lab.ok) return own;
  const { config } = own;
  // The lab's stand-ins for images belong to its nodes; elsewhere the files mean what they say.
  const inLab = Object.entries(config.nodes).some(
    ([node, settings]) => Object.keys(settings).length === 0 && lab.config.nodes[node] !== undefined,
  );
  if (!inLab) return own;
  const nodes = Object.entries(config.nodes).map(([node, settings]): [NodeName, NodeSettings] => [
    node,
    Object.keys(settings).length > 0 ? settings : (lab.config.nodes[node] ?? settings),
  ]);
  return {
    ok: true,
    config: {
      ...config,
      revision: lab.config.revision,
      applications: lab.config.applications,
      nodes: Object.fromEntries(nodes),
    },
  };
}

function onlyPlaced(config: Config): Config {
  const placed = new Set([...Object.keys(config.deployment), ...(config.datasets ?? []).map(({ node }) => node)]);
  const nodes = Object.entries(config.nodes).filter(([node]) => placed.has(node));
  return { ...config, nodes: Object.fromEntries(nodes) };
}
