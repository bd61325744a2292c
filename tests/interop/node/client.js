// node client.js WSDL ENDPOINT|- VERSION CALL...: what node-soap reads, as lines of name and value.
// The calls are described in tests/interop/wording.py.
'use strict';
const soap = require('soap');

const GROUPS = {
  Applicant: ['Age', 'Employment', 'Job', 'Housing', 'ResidenceSince', 'Dependents', 'Telephone'],
  Loan: ['DurationMonths', 'Amount', 'Purpose', 'InstallmentRate'],
  Accounts: ['Checking', 'Savings', 'History', 'ExistingCredits'],
  Security: ['OtherDebtors', 'Property', 'OtherPlans'],
};

const told = (name, value) => process.stdout.write(`${name}\t${value}\n`);

// A Date is read from an xs:date as midnight UTC.
const plain = (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : String(value));

function application(text) {
  const given = Object.fromEntries(text.split(';').map((pair) => pair.split('=')));
  const group = (names) => Object.fromEntries(names.filter((name) => name in given).map((name) => [name, given[name]]));
  const groups = Object.fromEntries(Object.entries(GROUPS).map(([name, names]) => [name, group(names)]));
  return { attributes: { Channel: given.Channel }, Id: given.Id, ReceivedOn: given.ReceivedOn, ...groups };
}

// node-soap makes a list only of what it has seen twice.
const list = (value) => (value === undefined || value === null ? [] : [].concat(value));

// A nil element is left out of what is read, so it looks like an absent one.
function result(found) {
  for (const name of ['ApplicationId', 'Decision', 'Score', 'DecidedOn']) told(name, plain(found[name]));
  told('Reasons', list(found.Reasons && found.Reasons.Reason).join(','));
  told('Limit', 'Limit' in found ? plain(found.Limit) : 'none');
}

const KINDS = {
  async score(client, rest) {
    const [reply] = await client.ScoreLoanAsync({ Application: application(rest) });
    result(reply.Result);
  },
  async batch(client, rest) {
    const [id, ...texts] = rest.split('|');
    const asked = { BatchId: id, Applications: { Application: texts.map(application) } };
    const [reply] = await client.ScoreBatchAsync(asked);
    told('BatchId', reply.BatchId);
    for (const one of list(reply.Results && reply.Results.Result)) {
      told('result', '');
      result(one);
    }
  },
  async tariff(client, rest) {
    const [months, currency, amount] = rest.split(';');
    const asked = { DurationMonths: months, Amount: { attributes: { Currency: currency }, $value: amount } };
    const [reply] = await client.GetTariffAsync(asked);
    for (const name of ['NominalRate', 'EffectiveRate', 'ValidFrom']) told(name, plain(reply.Tariff[name]));
  },
  async ping(client, rest) {
    const [reply] = await client.PingAsync({ Text: rest });
    told('Text', reply.Text);
    told('Release', reply.Release);
  },
};

function fault(error) {
  const found = error.root && error.root.Envelope.Body.Fault;
  const detail = found && (found.detail || found.Detail);
  if (!detail || !detail.InvalidApplication) throw error;
  told('fault', 'InvalidApplication');
  told('faultcode', (found.faultcode || found.Code.Value).replace(/^.*:/, ''));
  for (const [name, value] of Object.entries(detail.InvalidApplication)) {
    if (name !== 'attributes') told(name, plain(value));
  }
}

async function main([wsdl, endpoint, version, ...calls]) {
  const client = await soap.createClientAsync(wsdl, { forceSoap12Headers: version === '1.2' });
  if (endpoint !== '-') client.setEndpoint(endpoint);
  for (const call of calls) {
    const [kind] = call.split(':', 1);
    told('call', kind);
    await KINDS[kind](client, call.slice(kind.length + 1)).catch(fault);
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
