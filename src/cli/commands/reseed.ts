import type { DivergedCopy } from '../../engine/types.ts';
import type { Config } from '../../model/config.ts';
import { type Line, line } from '../../view/lines.ts';
import { formatBytes, formatClock, nodeTitle } from '../../view/wording.ts';
import { printResult } from '../act-on.ts';
import type { ExitCode } from '../exit-code.ts';
import { configOf, type Invocation, requireApplication, requireNode, withEngine } from '../invocation.ts';

/** Makes a node's copies of an application's volumes standbys again. */
export async function reseed(invocation: Invocation, word: string, nodeWord: string): Promise<ExitCode> {
  const config = await configOf(invocation);
  const app = requireApplication(config, word);
  const node = requireNode(config, nodeWord);
  const volumes = await withEngine(invocation, 'gentle', (engine, _files, { hard }) =>
    engine.acts.reseed(app, node, hard),
  );
  const text = volumes.flatMap(({ volume, from, kept, base }) => {
    const what = base === undefined ? 'everything' : `what is newer than @${base}`;
    const sent = kept === undefined ? 'what was missing' : what;
    return [
      ...(kept === undefined ? [] : [`  ${nodeTitle(config, node)} keeps what it had as ${kept}`]),
      `✔ ${nodeTitle(config, node)} has a standby of volume ${volume}: ${nodeTitle(config, from)} sent ${sent}`,
    ];
  });
  return printResult(invocation, { text, data: { app, node, volumes } });
}

/** Below a list of volumes; nothing where no copy diverged. */
export const divergedLines = (copies: readonly DivergedCopy[], config: Config): readonly Line[] =>
  copies.length === 0
    ? []
    : [line(''), ...copies.flatMap((copy) => divergedText(copy, config)).map((text) => line(text, 'warning'))];

/** A copy of a former owner in words, with the command that makes it a standby again. */
function divergedText(copy: DivergedCopy, config: Config): readonly string[] {
  const { application, node, dataset, owner, bytes, since } = copy;
  const what = application === undefined ? `volume ${copy.volume}` : `"${application}"`;
  const after = since === undefined ? '' : ` after ${formatClock(since)}`;
  const how = bytes === undefined ? 'no snapshot in common' : `${formatBytes(bytes)} written${after}`;
  const title = nodeTitle(config, node);
  return [
    `${what} diverged on ${title}: ${how}, which never arrived at ${nodeTitle(config, owner)} (${dataset})`,
    ...(application === undefined
      ? []
      : [`  to make it a standby again, and keep that data: drover reseed ${application} ${title}`]),
  ];
}
