import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The licences of the packages in a bundle. */

/** Files of a package with its licence, and with its authors. */
const licenseFile = /^(?:licen[cs]e|copying)(?:[.-].*)?$/i;
const noticeFile = /^notice(?:[.-].*)?$/i;

const mit = (copyright: string): string => `MIT License

${copyright}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/**
 * Packages without a licence text whose sources name the licence: the text, and the licence that package.json must name for
 * the text to count.
 */
const elsewhere: Readonly<Record<string, { readonly license: string; readonly text: string }>> = {
  'yoga-layout': { license: 'MIT', text: mit('Copyright (c) Meta Platforms, Inc. and affiliates.') },
};

/** The part of esbuild's metafile that names the files in a bundle. */
interface Bundled {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly author?: string;
  readonly texts: readonly string[];
}

/** The folders of the packages in a bundle; paths are relative to the project. */
function packageFolders({ outputs }: Bundled): readonly string[] {
  const inputs = Object.values(outputs).flatMap(({ inputs: from }) =>
    Object.entries(from).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const folders = inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/**
 * The packages in a bundle, by name. Throws where one of them has no licence text, because then the bundle may not be
 * distributed.
 */
export function bundledPackages(metafile: Bundled, root: string): readonly BundledPackage[] {
  const packages = packageFolders(metafile).map((path) => readPackage(join(root, path)));
  const without = packages.filter(({ texts }) => texts.length === 0).map(({ name }) => name);
  if (without.length > 0) {
    throw new Error(`cannot bundle ${without.join(', ')}: there is no licence text in the package`);
  }
  const unique = new Map(packages.map((one) => [`${one.name}@${one.version}`, one]));
  return [...unique.values()].sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

function readPackage(folder: string): BundledPackage {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).sort();
  const read = (pattern: RegExp): readonly string[] =>
    files.filter((file) => pattern.test(file)).map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const licenses = read(licenseFile);
  const other = elsewhere[name];
  const known = other !== undefined && other.license === license ? [other.text] : [];
  const texts = licenses.length > 0 ? licenses : [...fromReadme(folder, files), ...known];
  const who = typeof author === 'string' ? author : author?.name;
  return {
    name,
    version,
    license: nameOf(license),
    ...(who === undefined ? {} : { author: who }),
    texts: texts.length === 0 ? [] : [...texts, ...read(noticeFile)],
  };
}

const nameOf = (license: string | { readonly type?: string } | undefined): string =>
  typeof license === 'string' ? license : (license?.type ?? 'see below');

/** Some packages have their licence only at the end of their README. */
function fromReadme(folder: string, files: readonly string[]): readonly string[] {
  const readme = files.find((file) => /^readme(?:\.md|\.markdown)?$/i.test(file));
  const text = readme === undefined ? '' : readFileSync(join(folder, readme), 'utf8');
  const section = /^#+\s*licen[cs]e\s*$([\s\S]*)/im.exec(text)?.[1]?.split(/^#+\s/m)[0]?.trim() ?? '';
  return /permission is hereby granted|redistribution and use|apache license/i.test(section) ? [section] : [];
}

const rule = '-'.repeat(80);

/** The text of the file that is distributed with the bundle. */
export function printLicenses(packages: readonly BundledPackage[]): string {
  const head = `dist/drover.js and the files in dist/drover-chunks contain these packages, each under its own licence.\n`;
  const parts = packages.map(({ name, version, license, author, texts }) =>
    [
      rule,
      `${name} ${version}`,
      `Licence: ${license}${author === undefined ? '' : `\nAuthor: ${author}`}`,
      '',
      ...texts,
      '',
    ].join('\n'),
  );
  return [head, ...parts].join('\n');
}
