import { type ClusterState, freshFacts } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';

import { connectionFindings, imageFindings } from './connections.ts';
import { type Examined, type Finding, findingsOf, type Patient, shellOf } from './finding.ts';
import { forwardingFindings } from './firewall.ts';
import { nameFindings } from './names.ts';
import { observedFindings, unreachable } from './node.ts';
import { storageFindings } from './storage.ts';
import { clockOfThisMachine, systemFindings } from './system.ts';

/** The findings of an examination, of one node if `only` is given. Every finding that is not ok names a command. */
export function judge(examined: Examined, only?: NodeName): readonly Finding[] {
  const { state, examinations } = examined;
  const nodes = Object.keys(state.nodes).filter((node) => only === undefined || node === only);
  return [
    ...nodes.toSorted().flatMap((node) => judgeNode(examined, node)),
    ...(only === undefined ? [...examineTogether(state), ...clockOfThisMachine(Object.values(examinations))] : []),
  ];
}

function judgeNode(examined: Examined, node: NodeName): readonly Finding[] {
  const { config, state, examinations } = examined;
  const seen = state.nodes[node];
  const it = examinations[node];
  const { pool, datasetRoot } = config.settings;
  const shell = shellOf(config, node, it?.isRoot);
  const patient: Patient = { ...findingsOf(node), node, shell, root: `${pool}/${datasetRoot}` };
  const facts = freshFacts(seen);
  const { system } = it ?? {};
  // A node that was examined answers: if the observation failed without Docker, the finding is about Docker.
  const onlyDocker = system !== undefined && system.docker === undefined;
  return [
    ...(seen?.status === 'unreachable' && !onlyDocker ? [unreachable(config, node, seen)] : []),
    ...(facts === undefined ? [] : observedFindings(patient, config, facts)),
    ...(it === undefined ? [] : systemFindings(patient, it, examined.provisionPath)),
    ...(system === undefined ? [] : forwardingFindings(patient, system, facts)),
    ...(system?.names === undefined ? [] : nameFindings(patient, config, system.names)),
    ...(system === undefined ? [] : storageFindings(patient, system)),
    ...(facts === undefined ? [] : connectionFindings(patient, examined, facts)),
    ...(facts === undefined ? [] : imageFindings(patient, examined)),
  ];
}

/** Findings that need a comparison of nodes. */
function examineTogether(state: ClusterState): readonly Finding[] {
  const facts = Object.values(state.nodes).flatMap((each) => (each.status === 'reachable' ? [each.facts] : []));
  const archs = [...new Set(facts.map(({ versions }) => versions.arch))].toSorted();
  const { warning, fault } = findingsOf();
  const check = 'all nodes';
  const ids = new Set(facts.map(({ nodeId }) => nodeId));
  return [
    ...(ids.size === facts.length
      ? []
      : [fault(check, 'two nodes have the same id: one is a copy of the other', 'drover status --json')]),
    ...(archs.length < 2
      ? []
      : [warning(check, `different processors (${archs.join(', ')}): images must exist for each`, 'drover plan')]),
  ];
}
