// Everything that fhir-kit-client offers, against a running linkloop.
// https://github.com/Vermonster/fhir-kit-client
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CapabilityTool, Client } from 'fhir-kit-client';
import { flag, raw, refer, refusal, start } from './linkloop.mjs';

let house, client;
before(async () => {
  house = await start();
  client = new Client({ baseUrl: house.base });
});
after(() => house.stop());

const http = (resource) => Client.httpFor(resource).response;
const etag = (resource) => http(resource).headers.get('etag');
const make = (identifier, more) => client.create({ resourceType: 'Flag', body: flag(identifier, 'Patient/none', more) });
const ids = (bundle) => (bundle.entry ?? []).filter((e) => e.search.mode === 'match').map((e) => e.resource.id);

test('capabilityStatement and CapabilityTool', async () => {
  const statement = await client.capabilityStatement();
  assert.equal(statement.resourceType, 'CapabilityStatement');
  assert.equal(statement.fhirVersion, '4.0.1');
  assert.equal(statement.implementation.url, house.base);
  const tool = new CapabilityTool(statement);
  for (const code of ['transaction', 'batch']) {
    assert.ok(tool.serverCan(code), code);
  }
  for (const code of ['read', 'vread', 'update', 'patch', 'create', 'search-type', 'history-instance', 'history-type']) {
    assert.ok(tool.resourceCan('Task', code), code);
  }
  assert.ok(!tool.resourceCan('Task', 'delete'));
  assert.ok(tool.resourceCan('Flag', 'delete'));
  assert.ok(tool.resourceSearch('Task', 'owner'));
  assert.ok(!tool.resourceSearch('Task', 'colour'));
  assert.ok(tool.interactionsFor({ resourceType: 'AuditEvent' }).every((x) => x !== 'create' && x !== 'update'));
  assert.ok(tool.searchParamsFor({ resourceType: 'Patient' }).includes('birthdate'));
  assert.ok(tool.capabilityContents({ resourceType: 'Task', capabilityType: 'searchInclude' }).includes('Task:patient'));
});

test('create, read, vread, update, delete', async () => {
  const made = await make('crud');
  assert.equal(http(made).status, 201);
  assert.equal(etag(made), 'W/"1"');
  assert.match(http(made).headers.get('location'), new RegExp(`^${house.base}/Flag/${made.id}/_history/1$`));
  assert.ok(http(made).headers.get('last-modified'));

  const read = await client.read({ resourceType: 'Flag', id: made.id });
  assert.deepEqual(read, made);
  assert.match(http(read).headers.get('content-type'), /^application\/fhir\+json/);

  const changed = await client.update({ resourceType: 'Flag', id: made.id, body: { ...read, status: 'inactive' } });
  assert.equal(changed.status, 'inactive');
  assert.equal(changed.meta.versionId, '2');
  assert.deepEqual(await client.vread({ resourceType: 'Flag', id: made.id, version: '1' }), made);

  const stale = client.update({ resourceType: 'Flag', id: made.id, body: read, options: { headers: { 'If-Match': 'W/"1"' } } });
  await refusal(stale, 412, 'conflict');
  await refusal(client.update({ resourceType: 'Flag', id: 'another', body: read }), 400, 'value');

  await client.delete({ resourceType: 'Flag', id: made.id });
  await client.delete({ resourceType: 'Flag', id: made.id });
  await refusal(client.read({ resourceType: 'Flag', id: made.id }), 410);
  await refusal(client.read({ resourceType: 'Flag', id: 'never-was' }), 404, 'not-found');
  await refusal(client.vread({ resourceType: 'Flag', id: made.id, version: '9' }), 404, 'not-found');
  assert.equal((await client.vread({ resourceType: 'Flag', id: made.id, version: '2' })).status, 'inactive');
});

test('create asks for representation or not, and is conditional', async () => {
  const body = flag('conditional');
  const options = { headers: { 'If-None-Exist': 'identifier=urn:test:clients|conditional' } };
  const first = await client.create({ resourceType: 'Flag', body, options });
  const again = await client.create({ resourceType: 'Flag', body, options });
  assert.equal(http(first).status, 201);
  assert.equal(http(again).status, 200);
  assert.equal(again.id, first.id);
  await make('conditional');
  await refusal(client.create({ resourceType: 'Flag', body, options }), 412, 'multiple-matches');

  const quiet = await client.create({ resourceType: 'Flag', body: flag('quiet'), options: { headers: { Prefer: 'return=minimal' } } });
  assert.equal(http(quiet).status, 201);
  assert.equal(Object.keys(quiet).length, 0);
});

test('update by search parameters', async () => {
  const searchParams = { identifier: 'urn:test:clients|upsert' };
  const made = await client.update({ resourceType: 'Flag', searchParams, body: flag('upsert') });
  assert.equal(http(made).status, 201);
  const changed = await client.update({ resourceType: 'Flag', searchParams, body: flag('upsert', 'Patient/none', { status: 'inactive' }) });
  assert.equal(http(changed).status, 200);
  assert.equal(changed.id, made.id);
  assert.equal(changed.meta.versionId, '2');
  await make('upsert');
  await refusal(client.update({ resourceType: 'Flag', searchParams, body: flag('upsert') }), 412, 'multiple-matches');
});

test('patch', async () => {
  const made = await make('patch');
  const jsonPatch = [
    { op: 'test', path: '/status', value: 'active' },
    { op: 'replace', path: '/status', value: 'inactive' },
    { op: 'add', path: '/category', value: [{ text: 'a word' }] },
    { op: 'copy', from: '/category/0', path: '/category/-' },
    { op: 'move', from: '/category/1', path: '/category/0' },
    { op: 'remove', path: '/category/1' },
  ];
  const done = await client.patch({ resourceType: 'Flag', id: made.id, jsonPatch, options: { headers: { 'If-Match': 'W/"1"' } } });
  assert.equal(done.status, 'inactive');
  assert.deepEqual(done.category, [{ text: 'a word' }]);
  assert.equal(etag(done), 'W/"2"');
  const before = await client.read({ resourceType: 'Flag', id: made.id });
  const unmet = client.patch({ resourceType: 'Flag', id: made.id, jsonPatch });
  await refusal(unmet, 409, 'conflict');
  await refusal(client.patch({ resourceType: 'Flag', id: made.id, jsonPatch: [], options: { headers: { 'If-Match': 'W/"1"' } } }), 412);
  await refusal(client.patch({ resourceType: 'Flag', id: made.id, jsonPatch: [{ op: 'remove', path: '/subject' }] }), 422);
  assert.deepEqual(await client.read({ resourceType: 'Flag', id: made.id }), before);
});

test('batch', async () => {
  const known = await make('batched');
  const answer = await client.batch({
    body: {
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: `Flag/${known.id}` } },
        { request: { method: 'GET', url: 'Flag/never-was' } },
        { resource: flag('batched-2'), request: { method: 'POST', url: 'Flag' } },
        { request: { method: 'GET', url: 'Flag?identifier=urn:test:clients|batched' } },
      ],
    },
  });
  assert.equal(answer.type, 'batch-response');
  assert.deepEqual(answer.entry.map((e) => e.response.status.slice(0, 3)), ['200', '404', '201', '200']);
  assert.deepEqual(answer.entry[0].resource, known);
  assert.equal(answer.entry[1].response.outcome.resourceType, 'OperationOutcome');
  assert.match(answer.entry[2].response.location, /\/Flag\/[^/]+\/_history\/1$/);
  assert.equal(answer.entry[3].resource.type, 'searchset');
});

test('transaction', async () => {
  const body = (status) => ({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      {
        fullUrl: 'urn:uuid:7b1c2c1e-3f0a-4c3e-8f5c-0a3d0e1f2a01',
        resource: { resourceType: 'Patient', name: [{ family: 'Testbird', given: ['Ada'] }] },
        request: { method: 'POST', url: 'Patient' },
      },
      {
        resource: flag('transacted', 'urn:uuid:7b1c2c1e-3f0a-4c3e-8f5c-0a3d0e1f2a01', { status }),
        request: { method: 'POST', url: 'Flag' },
      },
    ],
  });
  const answer = await client.transaction({ body: body('active') });
  assert.equal(answer.type, 'transaction-response');
  assert.equal(answer.entry.length, 2);
  const patient = answer.entry[0].response.location.match(/Patient\/[^/]+/)[0];
  const found = await client.search({ resourceType: 'Flag', searchParams: { identifier: 'transacted' } });
  assert.equal(found.entry[0].resource.subject.reference, patient);

  await refusal(client.transaction({ body: body('no such status') }), 422);
  const after = await client.search({ resourceType: 'Patient', searchParams: { family: 'Testbird', _summary: 'count' } });
  assert.equal(after.total, 1, 'the failed transaction left a Patient');
});

test('search over a type, GET and POST', async () => {
  await make('searched');
  for (const postSearch of [false, true]) {
    const found = await client.search({
      resourceType: 'Flag',
      searchParams: { identifier: ['urn:test:clients|searched', 'searched'], _total: 'accurate' },
      options: { postSearch },
    });
    assert.equal(found.type, 'searchset');
    assert.equal(found.total, 1);
    assert.equal(found.entry[0].search.mode, 'match');
    assert.equal(found.entry[0].fullUrl, `${house.base}/Flag/${found.entry[0].resource.id}`);
    assert.ok(found.link.some((l) => l.relation === 'self' && l.url.startsWith(`${house.base}/Flag?`)));
    const none = await client.search({ resourceType: 'Flag', searchParams: { identifier: 'nobody' }, options: { postSearch } });
    assert.deepEqual(none.entry ?? [], []);
  }
  const every = await client.resourceSearch({ resourceType: 'Flag' });
  assert.ok(every.entry.length > 0);
  await refusal(client.search({ resourceType: 'Task', searchParams: { 'authored-on': 'yesterday' } }), 400);
  await refusal(client.search({ resourceType: 'Task', searchParams: { statu: 'requested' } }), 400);
});

test('search as a link worker does: filters, includes, sorting', async () => {
  const task = await refer(house);
  const found = await client.search({
    resourceType: 'Task',
    searchParams: {
      status: 'requested,accepted',
      'owner:missing': 'true',
      _include: ['Task:focus', 'Task:patient'],
      _lastUpdated: ['gt2026-01-01T00:00:00+01:00', 'lt2199-01-01'],
      _sort: '-_lastUpdated',
    },
  });
  assert.ok(ids(found).includes(task.id));
  const included = found.entry.filter((e) => e.search.mode === 'include').map((e) => e.resource.resourceType);
  assert.ok(included.includes('ServiceRequest') && included.includes('Patient'), String(included));
  const chained = await client.search({ resourceType: 'Task', searchParams: { 'patient.identifier': '9990000379', code: 'fulfill' } });
  assert.ok(ids(chained).includes(task.id));
  const back = await client.search({ resourceType: 'ServiceRequest', searchParams: { _id: task.focus.reference.split('/')[1], _revinclude: 'Task:focus' } });
  assert.ok(back.entry.some((e) => e.resource.id === task.id && e.search.mode === 'include'));
});

test('search over the system and in a compartment', async () => {
  const task = await refer(house);
  const everywhere = await client.search({ searchParams: { _type: 'Task,Flag', _id: task.id } });
  assert.deepEqual(ids(everywhere), [task.id]);
  const posted = await client.systemSearch({ searchParams: { _type: 'Task', _id: task.id }, options: { postSearch: true } });
  assert.deepEqual(ids(posted), [task.id]);
  const [resourceType, id] = task.for.reference.split('/');
  const inside = await client.search({ resourceType: 'Task', compartment: { resourceType, id }, searchParams: { _id: task.id } });
  assert.deepEqual(ids(inside), [task.id]);
  assert.deepEqual(ids(await client.search({ resourceType: 'Task', compartment: { resourceType, id }, searchParams: { _id: 'none' } })), []);
});

test('nextPage and prevPage', async () => {
  const tag = [{ system: 'urn:test:clients', code: 'paged' }];
  const made = [];
  for (let i = 0; i < 5; i++) {
    made.push((await make(`paged-${i}`, { meta: { tag } })).id);
  }
  const seen = [];
  let bundle = await client.search({ resourceType: 'Flag', searchParams: { _tag: 'urn:test:clients|paged', _count: 2, _sort: '_lastUpdated' } });
  let pages = 0;
  for (; bundle; bundle = await client.nextPage({ bundle })) {
    assert.ok(++pages < 9);
    for (const link of bundle.link) {
      assert.ok(link.url.startsWith(`${house.base}/`), link.url);
    }
    seen.push(...ids(bundle));
    assert.equal(client.prevPage({ bundle }), undefined, 'pages are walked forward only');
  }
  assert.deepEqual(seen, made);
});

test('history of an instance and a type', async () => {
  const made = await make('history');
  await client.update({ resourceType: 'Flag', id: made.id, body: { ...made, status: 'inactive' } });
  await client.delete({ resourceType: 'Flag', id: made.id });
  const own = await client.history({ resourceType: 'Flag', id: made.id });
  assert.equal(own.type, 'history');
  assert.deepEqual(own.entry.map((e) => e.request.method), ['DELETE', 'PUT', 'POST']);
  assert.equal(own.entry[0].resource, undefined);
  assert.deepEqual(own.entry[2].resource, made);
  assert.equal(own.entry[1].response.etag, 'W/"2"');
  const all = await client.history({ resourceType: 'Flag' });
  assert.equal(all.entry[0].fullUrl, own.entry[0].fullUrl);
  await refusal(client.history({ resourceType: 'Flag', id: 'never-was' }), 404);
});

test('history of the system', async () => {
  const made = await make('system-history');
  const all = await client.history();
  assert.equal(all.type, 'history');
  assert.equal(all.entry[0].resource.id, made.id);
});

test('resolve: relative, absolute, contained, in a Bundle', async () => {
  const task = await refer(house);
  const patient = await client.resolve({ reference: task.for.reference });
  assert.equal(patient.resourceType, 'Patient');
  assert.deepEqual(await client.resolve({ reference: `${house.base}/${task.for.reference}` }), patient);
  const context = { contained: [{ resourceType: 'Patient', id: 'p' }] };
  assert.equal((await client.resolve({ reference: '#p', context })).id, 'p');
  const bundle = await client.search({ resourceType: 'Task', searchParams: { _id: task.id, _include: 'Task:patient' } });
  assert.deepEqual(await client.resolve({ reference: task.for.reference, context: bundle }), patient);
  assert.equal((await client.resolve({ reference: task.focus.reference, context: bundle })).resourceType, 'ServiceRequest');
});

test('operation', async () => {
  const resource = flag('validated');
  const input = { resourceType: 'Parameters', parameter: [{ name: 'resource', resource }] };
  const good = await client.operation({ name: 'validate', resourceType: 'Flag', input });
  assert.equal(good.resourceType, 'OperationOutcome');
  assert.ok(good.issue.every((i) => i.severity !== 'error' && i.severity !== 'fatal'), JSON.stringify(good));
  input.parameter[0].resource = { ...resource, status: 'no such status' };
  const bad = await client.operation({ name: '$validate', resourceType: 'Flag', input });
  assert.ok(bad.issue.some((i) => i.severity === 'error' && i.expression[0] === 'Flag.status'), JSON.stringify(bad));
  const statement = new CapabilityTool(await client.capabilityStatement());
  assert.ok(statement.capabilityContents({ resourceType: 'Flag', capabilityType: 'operation' }).some((o) => o.name === 'validate'));
  await refusal(client.operation({ name: '$no-such', resourceType: 'Flag', input }), 404, 'not-supported');
});

test('operation of an instance: a claim', async () => {
  const task = await refer(house);
  const input = { resourceType: 'Parameters', parameter: [{ name: 'owner', valueReference: { reference: 'Organization/harbour' } }] };
  const claim = () => client.operation({ name: 'claim', resourceType: 'Task', id: task.id, input });
  const won = await claim();
  assert.equal(won.status, 'accepted');
  assert.equal((await claim()).meta.versionId, won.meta.versionId, 'a claim that is sent again is answered as before');
  input.parameter[0].valueReference.reference = 'Organization/elsewhere';
  await refusal(claim(), 409, 'conflict');
});

test('smartAuthMetadata', async () => {
  // Tokens are given out by the operator, so there is no address to ask for one.
  const metadata = await client.smartAuthMetadata();
  assert.equal(metadata.tokenUrl, undefined);
});

test('request, custom headers and a signer', async () => {
  const made = await make('request');
  assert.deepEqual(await client.request(`Flag/${made.id}`), made);
  let signed = 0;
  const other = new Client({
    baseUrl: `${house.base}/`,
    customHeaders: { 'X-Request-Id': '3c0f0fd3-4a21-4f24-8a6b-7d3a76f3a111', Prefer: 'return=presentation' },
    requestSigner: (_url, request) => {
      signed++;
      request.headers.set('X-Signature', 'of this request');
    },
  });
  const read = await other.read({ resourceType: 'Flag', id: made.id });
  assert.equal(http(read).headers.get('x-request-id'), '3c0f0fd3-4a21-4f24-8a6b-7d3a76f3a111');
  assert.equal(signed, 1);
  const answer = await other.batch({ body: { resourceType: 'Bundle', type: 'batch', entry: [] } });
  assert.equal(answer.type, 'batch-response');
});

test('bearerToken', async () => {
  const guarded = await start([
    { name: 'gp', role: 'sender', token: 'token-of-the-gp', senders: ['hl7v2-ref'], organization: 'Z00001' },
    { name: 'tool', role: 'link-worker', token: 'token-of-the-tool', organization: 'HBR01' },
  ]);
  try {
    const stranger = new Client({ baseUrl: guarded.base });
    const statement = await stranger.capabilityStatement();
    assert.equal(statement.rest[0].mode, 'server');
    await refusal(stranger.search({ resourceType: 'Task' }), 401, 'login');
    guarded.reader = { Authorization: 'Bearer token-of-the-tool' };
    const task = await refer(guarded, { Authorization: 'Bearer token-of-the-gp' });
    const tool = new Client({ baseUrl: guarded.base, bearerToken: 'token-of-the-tool' });
    assert.equal((await tool.read({ resourceType: 'Task', id: task.id })).status, 'requested');
    const sender = new Client({ baseUrl: guarded.base });
    sender.bearerToken = 'token-of-the-gp';
    await refusal(sender.read({ resourceType: 'Task', id: task.id }), 403, 'forbidden');
  } finally {
    await guarded.stop();
  }
});

test('what the library hides: the raw answers', async () => {
  const made = await make('raw');
  const removed = await raw(`${house.base}/Flag/${made.id}`, { method: 'DELETE' });
  assert.equal(removed.status, 204);
  assert.equal(removed.text, '');
  assert.equal((await raw(`${house.base}/Flag/${made.id}`)).status, 410);
});
