/** Serves a folder over HTTP, for apt: `serve.ts FOLDER ADDRESS PORT`. Prints a line when it listens. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';

const [folder = '', address = '', port = ''] = process.argv.slice(2);
createServer(async ({ url = '/' }, response) => {
  const path = join(folder, normalize(decodeURIComponent(url)));
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-length': found.size });
  createReadStream(path).pipe(response);
}).listen(Number(port), address, () => process.stdout.write(`serving ${folder} on ${address}:${port}\n`));
