// A running linkloop for the suites, and what is true of every answer it gives.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const binary = process.env.LINKLOOP ?? fileURLToPath(new URL('../../bin/linkloop', import.meta.url));

const startTime = 60_000; // ms until a server has said that it serves

/**
 * start serves over a new data folder on free ports of this machine.
 * clients: [{name, role, token, organization, senders}]; none: everybody is trusted.
 * more: further configuration, by its keys.
 * Answers {base, origin, tokens, stop}.
 */
export async function start(clients = [], more = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'linkloop-clients-'));
  const hash = (token) => createHash('sha256').update(token).digest('hex');
  const config = {
    http: { listen: '127.0.0.1:0' },
    admin: { listen: '127.0.0.1:0' },
    data: { folder: join(folder, 'data') },
    clients: clients.map(({ token, ...rest }) => ({ ...rest, token_sha256: hash(token) })),
    ...more,
  };
  const file = join(folder, 'linkloop.yaml');
  await writeFile(file, JSON.stringify(config)); // JSON is YAML
  const server = spawn(binary, ['serve', '--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((done) => server.once('exit', done));
  let said = '';
  const origin = await new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`linkloop does not serve:\n${said}`)), startTime);
    server.once('error', failed);
    server.once('exit', (code) => failed(new Error(`linkloop ended with ${code}:\n${said}`)));
    server.stderr.on('data', (part) => {
      said += part;
      const line = said.match(/linkloop serves (http:\/\/\S+) /);
      if (line) {
        clearTimeout(timer);
        found(line[1]);
      }
    });
  });
  return {
    origin,
    base: `${origin}/fhir`,
    async stop() {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// Every refusal, whichever library asked, is an OperationOutcome that says what
// is wrong; the libraries are unmodified, so this looks at what they fetch.
const realFetch = globalThis.fetch;
export let answers = 0;
globalThis.fetch = async (...args) => {
  const response = await realFetch(...args);
  answers++;
  const url = new URL(response.url);
  if (response.status >= 400 && url.pathname.startsWith('/fhir') && response.headers.get('content-type')) {
    const text = await response.clone().text();
    if (text !== '') {
      const outcome = text.startsWith('<') ? /^<\?xml[^>]*\?>\s*<OperationOutcome /.test(text) || text.startsWith('<OperationOutcome ') : JSON.parse(text).resourceType === 'OperationOutcome';
      assert.ok(outcome, `${response.status} ${url.pathname} is no OperationOutcome`);
    }
  }
  if (response.status >= 500) {
    assert.fail(`${response.status} ${url.pathname}`);
  }
  return response;
};

/** raw sends a request as it stands; answers {status, headers, text, json()}. */
export async function raw(url, { method = 'GET', headers = {}, body, ...rest } = {}) {
  const r = await fetch(url, { method, headers, body, redirect: 'manual', ...rest });
  const text = await r.text();
  return { status: r.status, headers: r.headers, text, json: () => JSON.parse(text) };
}

/** refusal asserts that a promise fails with an HTTP status, as the libraries report it. */
export async function refusal(promise, status, code) {
  const error = await promise.then(
    () => assert.fail(`expected ${status}, and it was done`),
    (e) => e,
  );
  const outcome = error.outcome ?? error.response?.data;
  const got = error.response?.status ?? error.outcome?.issue?.[0]?.code;
  if (error.response) {
    assert.equal(got, status, JSON.stringify(outcome));
  }
  assert.equal(outcome?.resourceType, 'OperationOutcome', String(error));
  if (code) {
    assert.equal(outcome.issue[0].code, code, JSON.stringify(outcome));
  }
  return outcome;
}

let number = 0;

/**
 * refer sends a referral of a made-up person as a GP system does, and answers
 * the Task it made. NHS numbers are from the 999 range, which nobody has.
 */
export async function refer(house, headers = {}, nhsNumber = '9990000379') {
  const n = ++number;
  const message = [
    `MSH|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302091500+0000||REF^I12^REF_I12|MSG-${n}|P|2.5.1`,
    `RF1||R|||O|SP-${n}|20260302|20260902`,
    'PRD|RP|Hartley^Miriam^^^Dr|||^WPN^PH^^^^^^^^^0113 496 0101||C3456789^GMC',
    `PID|1||${nhsNumber}^^^NHS^NH||Canarybird^Zebedee^^^Mr||19700611|1|||14 Quetzal Lane^^Otley^^LS21 9ZZ||^PRN^PH^^^^^^^^^01943 490123`,
    'PD1|||Oakwood Surgery^^Z00001',
    'DG1|1||267076002^Feeling lonely^SCT',
    'NTE|1||Would like company.',
    '',
  ].join('\r');
  const r = await raw(`${house.origin}/intake/hl7v2-ref`, { method: 'POST', body: message, headers });
  assert.equal(r.status, 200, r.text);
  const found = await raw(`${house.base}/Task?focus:ServiceRequest.identifier=SP-${n}`, { headers: house.reader ?? {} });
  assert.equal(found.status, 200, found.text);
  const bundle = found.json();
  assert.equal(bundle.entry?.length, 1, found.text);
  return bundle.entry[0].resource;
}

/** flag is a small resource that may be written and deleted freely. */
export function flag(identifier, patient = 'Patient/none', more = {}) {
  return {
    resourceType: 'Flag',
    identifier: [{ system: 'urn:test:clients', value: identifier }],
    status: 'active',
    code: { text: `note ${identifier}` },
    subject: { reference: patient },
    ...more,
  };
}
