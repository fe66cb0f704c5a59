/**
 * Loaded before drover (`node --import`): writes a line of JSON for each session on a node and each request to its
 * Docker, with its time in ms, into the file that
 * DROVER_BENCH_TRACE names.
 */
import diagnostics from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const file = process.env.DROVER_BENCH_TRACE;
const { Client } = createRequire(`${process.argv[1]}/..`)('ssh2');
const lines = [];
const note = (line) => lines.push({ at: Date.now(), ...line });
let count = 0;

/** What a session runs: the words of its command, or of the script that it is fed with. */
function nameOf(line) {
  const words = line.replace(/^exec (sudo -n -- setsid --wait )?sh -c '[^']*' sh /, '').replaceAll(/\s+/g, ' ');
  return words.slice(0, 300);
}

const exec = Client.prototype.exec;
Client.prototype.exec = function (line, ...rest) {
  const id = ++count;
  const host = this.config?.host ?? this._sock?.remoteAddress;
  note({ kind: 'session', id, host, what: nameOf(line) });
  const done = rest.pop();
  return exec.call(this, line, ...rest, (error, channel) => {
    if (channel !== undefined) {
      const write = channel.write;
      const end = channel.end;
      const peek = (chunk) => {
        const text = String(chunk ?? '');
        if (text.startsWith('drover() {'))
          note({ kind: 'script', id, what: text.replaceAll(/\s+/g, ' ').slice(0, 3000) });
        // A session that was opened ahead gets the name of its script, and its arguments, when it is needed.
        if (/^'?drover'? /.test(text)) note({ kind: 'used', id, what: text.replaceAll(/\s+/g, ' ').slice(0, 300) });
      };
      channel.write = (chunk, ...more) => {
        peek(chunk);
        return write.call(channel, chunk, ...more);
      };
      channel.end = (chunk, ...more) => {
        peek(chunk);
        return end.call(channel, chunk, ...more);
      };
      channel.once('close', () => note({ kind: 'closed', id }));
    }
    done(error, channel);
  });
};

diagnostics.subscribe('http.client.request.start', ({ request }) => {
  const id = ++count;
  note({ kind: 'docker', id, what: `${request.method} ${request.path}` });
  request.once('close', () => note({ kind: 'closed', id }));
});

process.on('exit', () => {
  appendFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
});
