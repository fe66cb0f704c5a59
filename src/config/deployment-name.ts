import { defaultDeployment } from '../model/names.ts';
import { isDeploymentName } from '../model/untrusted.ts';
import type { FileContext } from './env/file-context.ts';
import { complain, type Place, readName } from './fields.ts';
import { quote } from './yaml/yaml-node.ts';

/** The name of a deployment in a file. */
export function readDeploymentName(place: Place | undefined): string | undefined {
  const text = place === undefined ? undefined : readName(place, '"name"');
  if (place === undefined || text === undefined || isDeploymentName(text)) return text;
  return complain(place, `"name": ${quote(text)} is not the name of a deployment`, hint);
}

/** What COMPOSE_PROJECT_NAME says, in the environment or an env file; undefined where it says nothing. */
export function readProjectName({ lookup }: Pick<FileContext, 'lookup'>, root: Place | undefined): string | undefined {
  const text = lookup('COMPOSE_PROJECT_NAME') ?? '';
  if (text === '' || isDeploymentName(text)) return text === '' ? undefined : text;
  root?.report({ path: '', message: `COMPOSE_PROJECT_NAME: ${quote(text)} is not the name of a deployment`, hint });
  return undefined;
}

const hint = 'write up to 63 small letters, digits, "-" and "_", a letter or digit first';

/** What a deployment is called that no file names: its folder, with the characters left out that a name cannot have. */
export function nameOfFolder(path: string): string {
  const folder = path.split('/').findLast((part) => part !== '') ?? '';
  const name = folder.toLowerCase().replace(/[^a-z0-9_-]/g, '');
  return name.replace(/^[_-]+/, '').slice(0, 63) || defaultDeployment;
}
