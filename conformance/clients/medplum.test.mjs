// Everything that the MedplumClient of @medplum/core offers to a FHIR server,
// against a running linkloop. What it offers to Medplum's own server alone is
// at the end, with what is answered.
// https://www.medplum.com/docs/sdk/core.medplumclient
import './websocket.mjs';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MedplumClient, OperationOutcomeError } from '@medplum/core';
import { flag, refer, start } from './linkloop.mjs';

let house, client;
before(async () => {
  house = await start();
  client = open(house);
});
after(() => house.stop());

const open = (at, more = {}) => new MedplumClient({ baseUrl: `${at.origin}/`, fhirUrlPath: 'fhir', cacheTime: 0, maxRetries: 0, fetch, ...more });

/** refused asserts the OperationOutcome that the library makes an error of. */
async function refused(promise, code) {
  const error = await promise.then(
    () => assert.fail('it was done'),
    (e) => e,
  );
  assert.ok(error instanceof OperationOutcomeError, String(error));
  assert.equal(error.outcome.issue[0].code, code, JSON.stringify(error.outcome));
}

test('createResource, readResource, readReference, updateResource, deleteResource', async () => {
  const made = await client.createResource(flag('crud'));
  assert.equal(made.meta.versionId, '1');
  assert.deepEqual(await client.readResource('Flag', made.id), made);
  assert.deepEqual(await client.readReference({ reference: `Flag/${made.id}` }), made);
  const changed = await client.updateResource({ ...made, status: 'inactive' });
  assert.equal(changed.meta.versionId, '2');
  await refused(client.updateResource({ ...made, status: 'entered-in-error' }), 'conflict');
  await client.deleteResource('Flag', made.id);
  await refused(client.readResource('Flag', made.id), 'deleted');
  await refused(client.readResource('Flag', 'never-was'), 'not-found');
  await refused(client.createResource(flag('bad', 'Patient/none', { status: 'no such status' })), 'code-invalid');
  await refused(client.createResource({ resourceType: 'Account', status: 'active' }), 'not-found');
});

test('createResourceIfNoneExist and upsertResource', async () => {
  const query = 'identifier=urn:test:clients|once';
  const made = await client.createResourceIfNoneExist(flag('once'), query);
  assert.equal((await client.createResourceIfNoneExist(flag('once'), query)).id, made.id);
  const changed = await client.upsertResource(flag('once', 'Patient/none', { status: 'inactive' }), query);
  assert.equal(changed.id, made.id);
  assert.equal(changed.status, 'inactive');
  const other = await client.upsertResource(flag('twice'), { identifier: 'urn:test:clients|twice' });
  assert.notEqual(other.id, made.id);
});

test('patchResource', async () => {
  const made = await client.createResource(flag('patched'));
  const done = await client.patchResource('Flag', made.id, [
    { op: 'test', path: '/meta/versionId', value: '1' },
    { op: 'replace', path: '/status', value: 'inactive' },
  ]);
  assert.equal(done.status, 'inactive');
  await refused(client.patchResource('Flag', made.id, [{ op: 'test', path: '/status', value: 'active' }]), 'conflict');
  await refused(client.patchResource('Flag', made.id, [{ op: 'replace', path: '/colour', value: 'red' }]), 'value');
  await refused(client.patchResource('Flag', made.id, [{ op: 'remove', path: '/status' }]), 'required');
});

test('readHistory and readVersion', async () => {
  const made = await client.createResource(flag('versions'));
  await client.updateResource({ ...made, status: 'inactive' });
  const history = await client.readHistory('Flag', made.id);
  assert.deepEqual(history.entry.map((e) => e.resource.meta.versionId), ['2', '1']);
  const one = await client.readHistory('Flag', made.id, { count: 1 });
  assert.equal(one.entry.length, 1);
  assert.deepEqual(await client.readVersion('Flag', made.id, '1'), made);
});

test('search, searchOne, searchResources, searchResourcePages', async () => {
  const tag = [{ system: 'urn:test:clients', code: 'medplum' }];
  const made = [];
  for (let i = 0; i < 5; i++) {
    made.push((await client.createResource(flag(`many-${i}`, 'Patient/none', { meta: { tag } }))).id);
  }
  const query = '_tag=urn:test:clients|medplum&_sort=_lastUpdated';
  const bundle = await client.search('Flag', `${query}&_total=accurate`);
  assert.equal(bundle.total, 5);
  const list = await client.searchResources('Flag', query);
  assert.deepEqual(list.map((r) => r.id), made);
  assert.equal((await client.searchOne('Flag', { _tag: 'medplum', identifier: 'many-3' })).id, made[3]);
  assert.equal(await client.searchOne('Flag', { identifier: 'nobody' }), undefined);
  const seen = [];
  for await (const page of client.searchResourcePages('Flag', `${query}&_count=2`)) {
    assert.ok(page.length <= 2);
    seen.push(...page.map((r) => r.id));
  }
  assert.deepEqual(seen, made);
  await refused(client.search('Flag', 'colour=red'), 'invalid');
});

test('search of a worklist, with chains, includes and _has', async () => {
  const task = await refer(house);
  const tasks = await client.searchResources('Task', 'status=requested&patient.birthdate=1970-06-11&_sort=-_lastUpdated');
  assert.ok(tasks.some((t) => t.id === task.id));
  const bundle = await client.search('Task', { _id: task.id, _include: 'Task:patient', '_include:iterate': 'Patient:general-practitioner' });
  assert.ok(bundle.entry.some((e) => e.resource.resourceType === 'Patient'));
  const patients = await client.searchResources('Patient', `_has:Task:patient:_id=${task.id}`);
  assert.deepEqual(patients.map((p) => `Patient/${p.id}`), [task.for.reference]);
});

test('readCanonical', async () => {
  const made = await client.createResource({ resourceType: 'Questionnaire', url: 'https://example.org/Questionnaire/wellbeing', status: 'active' });
  assert.equal((await client.readCanonical('Questionnaire', made.url)).id, made.id);
  assert.equal(await client.readCanonical('Questionnaire', 'https://example.org/none'), undefined);
});

test('executeBatch, and reads that the library puts into one batch', async () => {
  const a = await client.createResource(flag('batch-a'));
  const b = await client.createResource(flag('batch-b'));
  const answer = await client.executeBatch({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl: 'urn:uuid:0dcf6b3e-0c0a-4d11-9f43-2f0a6a1b7c01', resource: flag('batch-c'), request: { method: 'POST', url: 'Flag', ifNoneExist: 'identifier=batch-c' } },
      { resource: { ...a, status: 'inactive' }, request: { method: 'PUT', url: `Flag/${a.id}`, ifMatch: 'W/"1"' } },
      { request: { method: 'DELETE', url: `Flag/${b.id}` } },
    ],
  });
  assert.deepEqual(answer.entry.map((e) => e.response.status.slice(0, 3)), ['201', '200', '204']);
  const batching = open(house, { autoBatchTime: 20 });
  const [one, two, gone] = await Promise.allSettled([
    batching.readResource('Flag', a.id),
    batching.search('Flag', 'identifier=batch-c'),
    batching.readResource('Flag', b.id),
  ]);
  assert.equal(one.value.status, 'inactive');
  assert.equal(two.value.entry.length, 1);
  assert.equal(gone.reason.outcome.issue[0].code, 'deleted');
});

test('createComment', async () => {
  const task = await refer(house);
  const made = await client.createComment({ resourceType: 'Task', id: task.id }, 'called, no answer').catch((e) => e);
  assert.equal(made.resourceType, 'Communication', String(made));
  assert.equal(made.basedOn[0].reference, `Task/${task.id}`);
});

test('createBinary, createAttachment, download, createDocumentReference', async () => {
  const made = await client.createBinary({ data: 'hello', filename: 'hello.txt', contentType: 'text/plain' });
  assert.equal(made.resourceType, 'Binary');
  assert.match(made.contentType, /^text\/plain/);
  const blob = await client.download(client.fhirUrl('Binary', made.id));
  assert.equal(await blob.text(), 'hello');
  assert.equal((await client.readResource('Binary', made.id)).data, 'aGVsbG8=');
  const bytes = new Uint8Array([0, 255, 1, 254]);
  const attachment = await client.createAttachment({ data: bytes, filename: 'a.bin', contentType: 'application/octet-stream' });
  assert.equal(attachment.contentType, 'application/octet-stream');
});

test('a Binary as a resource, and a DocumentReference to it', async () => {
  const binary = await client.createResource({ resourceType: 'Binary', contentType: 'text/plain', data: 'aGVsbG8=' });
  assert.equal((await client.readResource('Binary', binary.id)).data, 'aGVsbG8=');
  const document = await client.createResource({
    resourceType: 'DocumentReference',
    status: 'current',
    content: [{ attachment: { contentType: 'text/plain', url: `Binary/${binary.id}` } }],
  });
  assert.equal((await client.searchOne('DocumentReference', { contenttype: 'text/plain' })).id, document.id);
});

test('validateResource', async () => {
  const good = await client.validateResource(flag('valid'));
  assert.ok(good.issue.every((i) => i.severity !== 'error'), JSON.stringify(good));
});

test('setAccessToken', async () => {
  const guarded = await start([{ name: 'tool', role: 'link-worker', token: 'token-of-the-tool', organization: 'HBR01' }]);
  try {
    await assert.rejects(open(guarded).search('Task'));
    const tool = open(guarded, { accessToken: 'token-of-the-tool' });
    assert.equal((await tool.search('Task')).type, 'searchset');
  } finally {
    await guarded.stop();
  }
});

test('get, post, put, patch and delete of any address', async () => {
  const made = await client.post('fhir/Flag', flag('addressed'));
  const url = client.fhirUrl('Flag', made.id);
  assert.deepEqual(await client.get(url), made);
  assert.equal((await client.put(url, { ...made, status: 'inactive' })).meta.versionId, '2');
  assert.equal((await client.patch(url, [{ op: 'replace', path: '/status', value: 'active' }])).status, 'active');
  await client.delete(url);
  await refused(client.get(url), 'deleted');
});

// What is no part of FHIR R4's REST interface, or of this server: each is
// refused with the reason, and nothing breaks.
for (const [name, call] of Object.entries({
  readPatientEverything: () => client.readPatientEverything('1'),
  readPatientSummary: () => client.readPatientSummary('1'),
  readResourceGraph: () => client.readResourceGraph('Patient', '1', 'graph'),
  valueSetExpand: () => client.valueSetExpand({ url: 'http://hl7.org/fhir/ValueSet/task-status' }),
  graphql: () => client.graphql('{ PatientList { id } }'),
  bulkExport: () => client.bulkExport('', 'Patient'),
  executeBot: () => client.executeBot('bot', {}),
})) {
  test(`${name} is refused`, async () => {
    await assert.rejects(call, (e) => e instanceof OperationOutcomeError && ['not-found', 'not-supported', 'invalid'].includes(e.outcome.issue[0].code));
  });
}
