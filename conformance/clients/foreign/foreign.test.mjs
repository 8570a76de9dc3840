// Outcomes in a record that nobody here wrote: HAPI FHIR, which checks all it
// takes against R4. linkloop sends and proves; fhir-kit-client, which nobody here
// wrote either, reads back what a practice would find.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'fhir-kit-client';
import { raw, refer, start } from '../linkloop.mjs';
import { startLoser, startRecord } from './record.mjs';

const snomed = 'http://snomed.info/sct';
const nhsNumber = 'https://fhir.nhs.uk/Id/nhs-number';
const ours = 'urn:linkloop:outcome';

let record, way, house, reader, linkWorker, patient;
before(async () => {
  record = await startRecord();
  reader = new Client({ baseUrl: record.base });
  way = await startLoser(record.base, 1);
  house = await start([], {
    channels: [{ name: 'hapi', kind: 'fhir', url: way.base }],
    practices: [{ ods: '*', route: ['hapi'] }],
    relay: { backoff_min: '100ms', backoff_max: '1s' },
  });
  linkWorker = new Client({ baseUrl: house.base });
  patient = await reader.create({
    resourceType: 'Patient',
    body: { resourceType: 'Patient', identifier: [{ system: nhsNumber, value: '9990000379' }], name: [{ family: 'Canarybird', given: ['Zebedee'] }], gender: 'male', birthDate: '1970-06-11' },
  });
});
after(async () => {
  await house?.stop();
  await way?.stop();
  await record?.stop();
});

/** end ends a Task, claimed before when there is something to complete; answers the delivery once it has come to rest. */
async function end(task, status, more) {
  const change = async (more) => {
    task = await linkWorker.update({ resourceType: 'Task', id: task.id, body: { ...task, owner: { reference: 'Organization/ours', display: 'Sam Walker, link worker' }, ...more } });
  };
  if (status === 'completed') {
    await change({ status: 'accepted' });
  }
  await change({ status, ...more });
  return atRest(task.id, 1);
}

/** atRest answers the newest of the deliveries of a Task once all of them have come to rest. */
async function atRest(task, deliveries) {
  for (let tries = 0; tries < 600; tries++) {
    const owed = (await raw(`${house.origin}/admin/deliveries?task=${task}`)).json();
    if (owed.length >= deliveries && owed.every((d) => !['owed', 'leased', 'sent'].includes(d.state))) {
      assert.equal(owed.length, deliveries);
      return (await raw(`${house.origin}/admin/deliveries/${owed[0].id}?content=true`)).json();
    }
    await sleep(100);
  }
  return assert.fail('the deliveries do not come to rest');
}

const found = async (resourceType, search = {}) => (await reader.search({ resourceType, searchParams: { _count: 200, ...search } })).entry?.map((e) => e.resource) ?? [];
const codes = (resources) => resources.map((r) => `${r.code.coding[0].code} ${r.code.coding[0].display}`).sort();
const coded = (type, code, display) => ({ type: { text: type }, valueCodeableConcept: { coding: [{ system: snomed, code, display }] } });
/** score makes an answered questionnaire in linkloop; answers what names it in an output. */
async function score(task, day, answer) {
  const item = Array.from({ length: 7 }, (_, i) => ({ linkId: `${i + 1}`, answer: [{ valueInteger: answer }] }));
  const made = await linkWorker.create({
    resourceType: 'QuestionnaireResponse',
    body: { resourceType: 'QuestionnaireResponse', status: 'completed', questionnaire: 'urn:linkloop:questionnaire:swemwbs', subject: task.for, authored: day, item },
  });
  return { type: { text: 'Score' }, valueReference: { reference: `QuestionnaireResponse/${made.id}` } };
}
/** documentOf is the R4 document within a DocumentReference. */
const documentOf = (reference) => JSON.parse(Buffer.from(reference.content.find((c) => c.attachment.contentType.startsWith('application/fhir+json')).attachment.data, 'base64'));

test('the record is HAPI FHIR of the pinned version, R4', async () => {
  const { software, fhirVersion } = await reader.capabilityStatement();
  assert.deepEqual({ software, fhirVersion }, { software: { name: 'HAPI FHIR Server', version: '7.4.5' }, fhirVersion: '4.0.1' });
});

test('what is not R4 is refused there, so that being taken means something', async () => {
  const error = await reader.create({ resourceType: 'Procedure', body: { resourceType: 'Procedure', status: 'finished', subject: { reference: `Patient/${patient.id}` } } }).then(() => assert.fail('it was taken'), (e) => e);
  assert.ok([400, 422].includes(error.response.status), String(error));
});

test('an outcome whose first answer was lost stands in the record once, and is proven', async () => {
  const task = await refer(house);
  const delivery = await end(task, 'completed', {
    output: [
      coded('Activity', '390893007', 'Referral to physical activity program'),
      coded('Activity', '975131000000104', 'Signposting'),
      await score(task, '2026-03-02', 2),
      await score(task, '2026-05-04', 3),
      { type: { text: 'Action for the GP' }, valueString: 'Please review her tablets.' },
    ],
  });
  assert.equal(delivery.state, 'proven', JSON.stringify(delivery.history));
  assert.deepEqual(way.posts.map((p) => [p.lost, p.status]), [[true, 200], [false, 200]], way.posts[0]?.answer);

  const sent = delivery.payload.entry.map((e) => e.resource);
  for (const resourceType of ['Procedure', 'Observation', 'DocumentReference']) {
    const there = await found(resourceType, { subject: `Patient/${patient.id}` });
    const wanted = sent.filter((r) => r.resourceType === resourceType);
    assert.equal(there.length, wanted.length, `${resourceType}: each once, and nothing else`);
    for (const w of wanted) {
      const [one, ...rest] = await found(resourceType, { identifier: `${ours}|${w.identifier[0].value}` });
      assert.equal(rest.length, 0);
      const { id, meta, text, ...content } = one;
      assert.deepEqual(content, { ...w, subject: { reference: `Patient/${patient.id}` } });
    }
  }
  assert.deepEqual(codes(await found('Procedure')), ['390893007 Referral to physical activity program', '871731000000106 Referral to social prescribing service', '975131000000104 Signposting']);
  const scores = (await found('Observation', { code: `${snomed}|718466001` })).sort((a, b) => a.effectiveDateTime.localeCompare(b.effectiveDateTime));
  assert.deepEqual(scores.map((o) => [o.effectiveDateTime, o.valueQuantity.value]), [['2026-03-02', 14], ['2026-05-04', 21]]);
});

test('the document in it is R4 too, and says the same codes', async () => {
  const [reference] = await found('DocumentReference');
  const document = documentOf(reference);
  // A server that takes documents takes ours, and gives it back as it is.
  const made = await reader.create({ resourceType: 'Bundle', body: document });
  const { id, meta, ...back } = await reader.read({ resourceType: 'Bundle', id: made.id });
  assert.deepEqual(back, document);

  const of = (type) => back.entry.map((e) => e.resource).filter((r) => r.resourceType === type);
  const [composition] = of('Composition');
  assert.equal(composition.section[0].title, 'Actions for the practice');
  assert.match(composition.section[0].text.div, /Please review her tablets\./);
  assert.deepEqual(codes([...of('Procedure'), ...of('Observation')]), codes([...(await found('Procedure')), ...(await found('Observation'))]));
  const [provenance] = of('Provenance');
  const addresses = new Set(back.entry.map((e) => e.fullUrl));
  assert.ok(provenance.target.length > 0 && provenance.target.every((t) => addresses.has(t.reference)), 'every target of the Provenance is in the document');
  const refs = JSON.stringify(back).match(/urn:uuid:[0-9a-f-]+/g);
  assert.ok(refs.every((r) => addresses.has(r)), 'no reference leads out of the document');
});

test('what was recalled is entered in error there, and nothing else is touched', async () => {
  const before = (await found('Procedure')).length;
  const order = { id: 'foreign-1', query: { code: '390893007' }, reason: 'The programme had closed', dryRun: false };
  const answer = await raw(`${house.origin}/admin/recalls`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(order) });
  assert.equal(answer.status, 200, answer.text);
  const [item] = answer.json().items;
  const correction = await atRest(item.task, 2);
  assert.equal(correction.state, 'proven', JSON.stringify(correction.history));
  const procedures = await found('Procedure');
  assert.equal(procedures.length, before);
  const status = Object.fromEntries(procedures.map((p) => [p.code.coding[0].code, p.status]));
  assert.deepEqual(status, { '390893007': 'entered-in-error', '871731000000106': 'completed', '975131000000104': 'completed' });
});

test('a referral that was declined says so by its own code', async () => {
  const delivery = await end(await refer(house), 'rejected', { statusReason: { coding: [{ system: snomed, code: '871711000000103' }], text: 'Did not want it' } });
  assert.equal(delivery.state, 'proven', JSON.stringify(delivery.history));
  const [fact] = await found('Observation', { code: `${snomed}|871711000000103` });
  assert.equal(fact.subject.reference, `Patient/${patient.id}`);
});

test('a person whom the record does not know is nobody else there', async () => {
  const before = (await found('DocumentReference')).length;
  const task = await refer(house, {}, '9990000018');
  const delivery = await end(task, 'completed', { output: [coded('Activity', '975131000000104', 'Signposting')] });
  assert.equal(delivery.state, 'dead', JSON.stringify(delivery.history));
  assert.equal((await found('DocumentReference')).length, before);
});
