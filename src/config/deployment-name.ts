import { defaultDeployment } from '../model/names.ts';
import { isDeploymentName } from '../model/untrusted.ts';
import type { FileContext } from './env/file-context.ts';
import { complain, note, type Place, readName } from './fields.ts';
import { quote } from './yaml/yaml-node.ts';

/** The name of a deployment in a file. */
export function readDeploymentName(place: Place | undefined): string | undefined {
  const text = place === undefined ? undefined : readName(place, '"name"');
  if (place === undefined || text === undefined || isDeploymentName(text)) return text;
  return complain(place, `"name": ${quote(text)} is not the name of a deployment`, hint);
}

/** The name of a Compose project: what a name cannot have is left out, as Compose does. */
export function readComposeName(place: Place | undefined): string | undefined {
  const text = place === undefined ? undefined : readName(place, '"name"');
  if (place === undefined || text === undefined || isDeploymentName(text)) return text;
  const name = plainName(text);
  if (name === '') return readDeploymentName(place);
  note(place, `the deployment is called ${quote(name)}: a name has only small letters, digits, "-" and "_"`);
  return name;
}

const plainName = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
    .slice(0, 63);

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
  return plainName(folder) || defaultDeployment;
}
