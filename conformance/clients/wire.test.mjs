// What libraries do not let one send or see: bytes on the wire, as crude and
// odd clients write them. Each test names the behaviour of R4 or the client.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { flag, refer, start } from './linkloop.mjs';

let house;
before(async () => {
  house = await start();
});
after(() => house.stop());

const fhirJSON = 'application/fhir+json';

/** send writes the path and the headers as they stand; a list as body is sent in chunks. */
function send(method, path, { headers = {}, body } = {}) {
  const { hostname, port } = new URL(house.origin);
  const value = body !== undefined && !Array.isArray(body) && typeof body !== 'string' ? JSON.stringify(body) : body;
  return new Promise((done, failed) => {
    const request = http.request({ hostname, port, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('end', () => done({ status: response.statusCode, headers: response.headers, text, json: () => JSON.parse(text) }));
    });
    request.on('error', failed);
    if (Array.isArray(value)) {
      request.setHeader('Transfer-Encoding', 'chunked');
      value.forEach((part) => request.write(part));
    } else if (value !== undefined) {
      request.setHeader('Content-Length', Buffer.byteLength(value));
      request.write(value);
    }
    request.end();
  });
}

const post = (body, headers = {}) => send('POST', '/fhir/Flag', { headers: { 'Content-Type': fhirJSON, ...headers }, body });

/** refused asserts status and an OperationOutcome with severity, code and a text. */
function refused(answer, status) {
  assert.equal(answer.status, status, answer.text);
  const outcome = answer.json();
  assert.equal(outcome.resourceType, 'OperationOutcome');
  assert.ok(outcome.issue[0].severity && outcome.issue[0].code && outcome.issue[0].diagnostics, answer.text);
}

async function made(identifier) {
  const answer = await post(flag(identifier));
  assert.equal(answer.status, 201, answer.text);
  return answer.json();
}

test('G1: the base with and without a slash at its end', async () => {
  const body = { resourceType: 'Bundle', type: 'batch', entry: [] };
  for (const path of ['/fhir', '/fhir/']) {
    const answer = await send('POST', path, { headers: { 'Content-Type': fhirJSON }, body });
    assert.equal(answer.status, 200, path);
    assert.equal(answer.json().type, 'batch-response');
  }
  for (const path of ['/fhir/metadata/', '/fhir/Flag/', '/fhir/Flag']) {
    assert.equal((await send('GET', path)).status, 200, path);
  }
});

test('G2, G3: types are case-sensitive, ids have a form', async () => {
  for (const path of ['/fhir/task', '/fhir/TASK/1', '/fhir/Nonsense', '/fhir/Task/no_such', `/fhir/Task/${'x'.repeat(65)}`]) {
    const answer = await send('GET', path);
    assert.ok([400, 404].includes(answer.status), `${path} ${answer.status}`);
    refused(answer, answer.status);
  }
});

test('G5: methods and content types that are not served', async () => {
  refused(await send('PUT', '/fhir/Flag/1/_history/1', { headers: { 'Content-Type': fhirJSON }, body: '{}' }), 405);
  refused(await post('<Flag/>', { 'Content-Type': 'text/html' }), 415);
  refused(await post('{}', { 'Content-Type': '' }), 415);
  refused(await send('PATCH', '/fhir/Flag/1', { headers: { 'Content-Type': 'text/plain' }, body: 'x' }), 415);
  refused(await send('GET', '/fhir/Flag', { headers: { Accept: 'image/png' } }), 406);
  refused(await post('{"resourceType":"Flag",'), 400);
  refused(await post(''), 400);
});

test('G6: ways to ask for JSON', async () => {
  for (const accept of ['application/fhir+json', 'application/json', 'text/json', '*/*', 'application/fhir+json;fhirVersion=4.0', 'text/html, application/fhir+json;q=0.9', 'application/fhir+json, */*; q=0.1', 'image/png, application/json;q=0.1']) {
    const answer = await send('GET', '/fhir/Flag', { headers: { Accept: accept } });
    assert.equal(answer.status, 200, accept);
    assert.equal(answer.json().type, 'searchset');
  }
  for (const format of ['json', 'application/json', 'application/fhir+json', 'application/fhir%2Bjson', 'text/json']) {
    assert.equal((await send('GET', `/fhir/Flag?_format=${format}`, { headers: { Accept: 'text/html' } })).status, 200, format);
  }
  refused(await send('GET', '/fhir/Flag?_format=ttl'), 406);
});

test('G6: XML, asked for and sent', async () => {
  const own = await made('xml');
  for (const path of [`/fhir/Flag/${own.id}?_format=xml`, `/fhir/Flag/${own.id}?_format=application/fhir+xml`]) {
    assert.match((await send('GET', path)).text, /<Flag xmlns="http:\/\/hl7.org\/fhir">/);
  }
  for (const accept of ['application/fhir+xml', 'application/xml', 'text/xml']) {
    const answer = await send('GET', `/fhir/Flag/${own.id}`, { headers: { Accept: accept } });
    assert.match(answer.headers['content-type'], /xml/);
    assert.match(answer.text, /<Flag xmlns="http:\/\/hl7.org\/fhir">/);
    const back = await send('PUT', `/fhir/Flag/${own.id}`, { headers: { 'Content-Type': accept }, body: answer.text });
    assert.equal(back.status, 200, back.text);
  }
  const missing = await send('GET', '/fhir/Flag/never-was', { headers: { Accept: 'application/fhir+xml' } });
  assert.match(missing.text, /<OperationOutcome xmlns/);
});

test('G7: charsets of requests', async () => {
  for (const type of ['application/fhir+json;charset=utf-8', 'application/fhir+json; charset=UTF-8', 'application/json', 'application/fhir+json; fhirVersion=4.0']) {
    const answer = await post(flag('charset', 'Patient/none', { code: { text: 'café ✓' } }), { 'Content-Type': type, 'Accept-Charset': 'utf-8' });
    assert.equal(answer.status, 201, type);
    assert.equal(answer.json().code.text, 'café ✓');
    assert.match(answer.headers['content-type'], /charset=utf-8/i);
  }
});

test('G8: HEAD', async () => {
  const own = await made('head');
  const answer = await send('HEAD', `/fhir/Flag/${own.id}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.etag, 'W/"1"');
  assert.equal(answer.text, '');
  assert.equal((await send('HEAD', '/fhir/Flag/never-was')).status, 404);
});

test('G10: preferences, also misspelt ones', async () => {
  for (const prefer of ['return=representation', 'return=presentation', 'respond-async; wait=10', 'nonsense']) {
    const answer = await post(flag('prefer'), { Prefer: prefer });
    assert.equal(answer.status, 201, prefer);
    assert.equal(answer.json().resourceType, 'Flag', prefer);
  }
  const minimal = await post(flag('prefer'), { Prefer: 'return=minimal' });
  assert.equal(minimal.text, '');
  assert.ok(minimal.headers.location && minimal.headers.etag);
  refused(await send('GET', '/fhir/Flag?identifier=x&colour=red', { headers: { Prefer: 'handling=strict' } }), 400);
  const lenient = await send('GET', '/fhir/Flag?identifier=x&colour=red', { headers: { Prefer: 'handling=lenient' } });
  assert.equal(lenient.status, 200);
  assert.equal(lenient.json().entry[0].search.mode, 'outcome');
  assert.doesNotMatch(lenient.json().link[0].url, /colour/);
});

test('G12: bodies in chunks', async () => {
  const text = JSON.stringify(flag('chunked'));
  const answer = await post([text.slice(0, 20), text.slice(20, 21), text.slice(21)]);
  assert.equal(answer.status, 201, answer.text);
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const found = await send('POST', '/fhir/Flag/_search', { headers, body: ['identifier=', 'urn%3Atest%3Aclients%7C', 'chunked'] });
  assert.equal(found.json().entry.length, 1, found.text);
});

test('G13: X-Request-Id', async () => {
  const id = 'b6c3e9c6-6a59-4c80-a1b1-52ed0fd4f4e9';
  assert.equal((await send('GET', '/fhir/Flag', { headers: { 'X-Request-Id': id } })).headers['x-request-id'], id);
  const made = (await send('GET', '/fhir/Flag', { headers: { 'X-Request-Id': 'Zebedee Canarybird' } })).headers['x-request-id'];
  assert.match(made, /^[0-9a-f-]{36}$/);
});

test('R3: conditional reads', async () => {
  const own = await made('conditional-read');
  const path = `/fhir/Flag/${own.id}`;
  for (const tag of ['W/"1"', '"1"', '1', 'W/1']) {
    const answer = await send('GET', path, { headers: { 'If-None-Match': tag } });
    assert.equal(answer.status, 304, tag);
    assert.equal(answer.text, '');
  }
  assert.equal((await send('GET', path, { headers: { 'If-None-Match': 'W/"2"' } })).status, 200);
  assert.equal((await send('GET', path, { headers: { 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' } })).status, 200, 'the second is not over');
  assert.equal((await send('GET', path, { headers: { 'If-Modified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT' } })).status, 200);
});

test('U3: ways to write If-Match', async () => {
  const own = await made('if-match');
  let version = 1;
  for (const tag of ['W/"N"', '"N"', 'N', 'W/N', 'w/"N"', '*']) {
    const put = (etag) => send('PUT', `/fhir/Flag/${own.id}`, { headers: { 'Content-Type': fhirJSON, 'If-Match': etag }, body: { ...own, meta: undefined } });
    const done = await put(tag.replace('N', String(version)));
    assert.equal(done.status, 200, `${tag}: ${done.text}`);
    version++;
    if (tag !== '*') {
      refused(await put(tag.replace('N', '1')), 412);
    }
  }
  refused(await send('PUT', `/fhir/Flag/${own.id}`, { headers: { 'Content-Type': fhirJSON, 'If-Match': 'W/"abc"' }, body: own }), 400);
});

test('U: a stale copy without If-Match reverts nothing', async () => {
  const task = await refer(house);
  const path = `/fhir/Task/${task.id}`;
  const put = (body) => send('PUT', path, { headers: { 'Content-Type': 'application/fhir+json;charset=utf-8' }, body });
  const claimed = { ...task, status: 'accepted', owner: { reference: 'Organization/harbour' } };
  assert.equal((await put(claimed)).status, 200);
  const contacted = { ...claimed, meta: undefined, businessStatus: { text: 'contacted' } };
  assert.equal((await put(contacted)).status, 200);
  assert.equal((await put(claimed)).status, 200); // nothing of it is new
  const stale = await put({ ...claimed, businessStatus: { text: 'not reached' } });
  refused(stale, stale.status === 409 ? 409 : 412); // claimed since, or changed since
  assert.equal((await send('GET', path)).json().businessStatus.text, 'contacted');
});

test('PA1: the charset of a JSON Patch', async () => {
  const own = await made('patched');
  const answer = await send('PATCH', `/fhir/Flag/${own.id}`, {
    headers: { 'Content-Type': 'application/json-patch+json; charset=UTF-8' },
    body: [`[{"op":"replace","path":"/status",`, `"value":"inactive"}]`],
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json().status, 'inactive');
  refused(await send('PATCH', `/fhir/Flag/${own.id}`, { headers: { 'Content-Type': 'application/json-patch+json' }, body: '' }), 400);
});

test('PA2: FHIRPath Patch', async () => {
  const own = await made('fhirpath');
  const part = (name, value) => ({ name, ...value });
  const operation = { name: 'operation', part: [part('type', { valueCode: 'replace' }), part('path', { valueString: 'Flag.status' }), part('value', { valueCode: 'inactive' })] };
  const answer = await send('PATCH', `/fhir/Flag/${own.id}`, { headers: { 'Content-Type': fhirJSON }, body: { resourceType: 'Parameters', parameter: [operation] } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json().status, 'inactive');
});

test('S2: links of a search are followed as they stand, POST and GET are one search', async () => {
  for (let i = 0; i < 3; i++) {
    await made(`linked-${i}`);
  }
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const first = await send('POST', '/fhir/Flag/_search?_count=2', { headers, body: 'identifier=urn:test:clients|linked-0,linked-1,linked-2&_sort=_lastUpdated' });
  const bundle = first.json();
  const next = bundle.link.find((l) => l.relation === 'next').url;
  const self = bundle.link.find((l) => l.relation === 'self').url;
  const again = await send('GET', self.slice(house.origin.length));
  assert.deepEqual(again.json().entry, bundle.entry);
  const more = await send('GET', next.slice(house.origin.length));
  assert.equal(more.status, 200);
  assert.ok(!more.json().entry.some((e) => bundle.entry.some((b) => b.fullUrl === e.fullUrl)));
});

test('S13: a search that nobody knows is not everybody’s', async () => {
  refused(await send('GET', '/fhir/Task?ownr=Organization/1'), 400);
  refused(await send('GET', '/fhir/Task?colour=red'), 400);
  assert.equal((await send('GET', '/fhir/Task?_lastupdated=gt2026-01-01T00:00:00Z')).status, 200);
});

test('S16: addresses as the Ruby and the JavaScript clients escape them', async () => {
  const task = await refer(house);
  const profile = 'http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement';
  for (const query of [
    'code=http://hl7.org/fhir/CodeSystem/task-code|fulfill',
    'code=http%3A%2F%2Fhl7.org%2Ffhir%2FCodeSystem%2Ftask-code%7Cfulfill',
    'status=requested%2Caccepted&_include=Task%3Afocus&_include=Task%3Apatient',
    '_lastUpdated=gt2026-01-01T00%3A00%3A00%2B01%3A00&_lastUpdated=lt2199-01-01',
    '_lastUpdated=gt2026-01-01T00:00:00+01:00',
    `patient=${task.for.reference}`,
    `patient=${task.for.reference.split('/')[1]}`,
    `patient=${encodeURIComponent(`${house.base}/${task.for.reference}`)}`,
  ]) {
    const answer = await send('GET', `/fhir/Task?${query}`);
    assert.equal(answer.status, 200, `${query}: ${answer.text}`);
    assert.ok(answer.json().entry?.some((e) => e.resource.id === task.id), query);
  }
  const none = await send('GET', `/fhir/Task?_profile=${profile}&_sort=-_lastUpdated&owner=Organization/1`);
  assert.equal(none.status, 200);
  assert.equal(none.json().entry, undefined);
});
