import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of a package that say under which terms it may be passed on, and whose it is. */
const licenseFile = /^(?:licen[cs]e|copying)(?:[.-].*)?$/i;
const noticeFile = /^notice(?:[.-].*)?$/i;

const mit = (copyright) => `MIT License

${copyright}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/**
 * Packages whose npm package has no licence text, although its sources name the licence: the text, and the licence that
 * package.json must go on naming.
 */
const elsewhere = {
  'yoga-layout': { license: 'MIT', text: mit('Copyright (c) Meta Platforms, Inc. and affiliates.') },
};

/** Folders of the packages that esbuild has put into its output, from its metafile; paths are relative to `root`. */
function packageFolders({ outputs }) {
  const inputs = Object.values(outputs).flatMap(({ inputs: from }) =>
    Object.entries(from).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  const folders = inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/**
 * Name, version, licence and its text of every package in a bundle, by name. Throws where one of them has no text: it
 * could not be passed on.
 */
export function bundledPackages(metafile, root) {
  const packages = packageFolders(metafile).map((path) => readPackage(join(root, path)));
  const without = packages.filter(({ texts }) => texts.length === 0).map(({ name }) => name);
  if (without.length > 0) {
    throw new Error(`cannot bundle ${without.join(', ')}: there is no licence text in the package`);
  }
  const unique = new Map(packages.map((one) => [`${one.name}@${one.version}`, one]));
  return [...unique.values()].sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

function readPackage(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).sort();
  const read = (pattern) =>
    files.filter((file) => pattern.test(file)).map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const licenses = read(licenseFile);
  const known = elsewhere[name]?.license === license ? [elsewhere[name].text] : [];
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

const nameOf = (license) => (typeof license === 'string' ? license : (license?.type ?? 'see below'));

/** Some packages have their licence at the end of their README only. */
function fromReadme(folder, files) {
  const readme = files.find((file) => /^readme(?:\.md|\.markdown)?$/i.test(file));
  const text = readme === undefined ? '' : readFileSync(join(folder, readme), 'utf8');
  const section = /^#+\s*licen[cs]e\s*$([\s\S]*)/im.exec(text)?.[1]?.split(/^#+\s/m)[0]?.trim() ?? '';
  return /permission is hereby granted|redistribution and use|apache license/i.test(section) ? [section] : [];
}

const rule = '-'.repeat(80);

/** The file that is passed on with the bundle. */
export function printLicenses(packages) {
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
