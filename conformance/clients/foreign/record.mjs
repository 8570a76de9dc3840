// A HAPI FHIR server for the suite, and a way to it that loses answers.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';

const startTime = 300_000; // ms until the server has said that it serves

/** startRecord answers {base, stop}. The class path was written by Maven, see the Makefile. */
export async function startRecord() {
  const here = (name) => fileURLToPath(new URL(name, import.meta.url));
  const path = (await readFile(here('target/classpath'), 'utf8')).trim();
  const server = spawn('java', ['-Xmx1g', '-cp', path, here('Record.java')], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise((done) => server.once('exit', done));
  let said = '';
  const base = await new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`the record does not serve:\n${said}`)), startTime);
    const hear = (part) => {
      said = (said + part).slice(-20_000);
      const line = said.match(/record serves (http:\/\/\S+)\n/);
      if (line) {
        clearTimeout(timer);
        found(line[1]);
      }
    };
    server.once('error', failed);
    server.once('exit', (code) => failed(new Error(`the record ended with ${code}:\n${said}`)));
    server.stdout.on('data', hear);
    server.stderr.on('data', hear);
  });
  return {
    base,
    async stop() {
      server.stdin.end();
      await ended;
    },
  };
}

/**
 * startLoser passes everything on to a server, and loses the answers of the
 * first transactions: what they made stands, and whoever sent them cannot know.
 * Answers {base, posts, stop}; posts lists {lost, status, answer} of each.
 */
export async function startLoser(target, lose) {
  const posts = [];
  const loser = createServer((q, s) => {
    const url = new URL(target);
    const onward = request({ host: url.hostname, port: url.port, method: q.method, path: url.pathname + q.url, headers: { ...q.headers, host: url.host } }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        const body = Buffer.concat(parts);
        if (q.method === 'POST') {
          const lost = posts.length < lose;
          posts.push({ lost, status: answer.statusCode, answer: body.toString() });
          if (lost) {
            q.socket.destroy();
            return;
          }
        }
        s.writeHead(answer.statusCode, answer.headers).end(body);
      });
    });
    onward.on('error', () => q.socket.destroy());
    q.pipe(onward);
  });
  await new Promise((done) => loser.listen(0, '127.0.0.1', done));
  return {
    base: `http://127.0.0.1:${loser.address().port}`,
    posts,
    stop: () => new Promise((done) => (loser.closeAllConnections(), loser.close(done))),
  };
}
