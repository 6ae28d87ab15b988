import { expect, test } from 'vitest';

import { withoutSecrets } from './secrets';

const cases: [string, string, string][] = [
  ['no secret', '  ip: 10.0.0.1', '  ip: 10.0.0.1'],
  ['INI', "n1 ansible_host=10.0.0.1 ansible_password='a b' ip=1", "n1 ansible_host=10.0.0.1 ansible_password='removed' ip=1"],
  ['INI, quotes forgotten', 'n2 ansible_password=a b ip=1', 'n2 ansible_password=removed ip=1'],
  ['flow mapping', '- {nodeName: a, ansiblePass: x y, ip: fd00::1}', '- {nodeName: a, ansiblePass: removed, ip: fd00::1}'],
  ['flow mapping, quotes', 'n: {ip: 10.0.0.2, ansible_password: "VAULT;x"}', 'n: {ip: 10.0.0.2, ansible_password: "removed"}'],
  ['doubled quote', "{password: 'it''s', ip: 1}", "{password: 'removed', ip: 1}"],
  ['JSON', '{"password": "a\\"b", "ip": 1}', '{"password": "removed", "ip": 1}'],
  ['JSON, one line', '{"password":"a","ip":1}', '{"password":"removed","ip":1}'],
  ['JSON, list', '{"tokens": ["a", "b]"], "ip": 1}', '{"tokens": "removed", "ip": 1}'],
  ['to the end of the line', '  ansiblePass: a, b} c', '  ansiblePass: removed'],
  ['login in an address', 'externalImageRepo: https://u:p@r.example', 'externalImageRepo: https://removed@r.example'],
  ['a token as the login', 'repo: https://ghp_x@r.example/y', 'repo: https://removed@r.example/y'],
  ['data source', '- u:p@tcp(db:3306)/x', '- removed@tcp(db:3306)/x'],
  ['block', 'a:\n  sshKeySecret: |\n    one\n    two\n\n  ip: 1\n', 'a:\n  sshKeySecret: removed\n\n  ip: 1\n'],
  ['list on the same column', 'passwords:\n- a\n- b\nip: 1\n', 'passwords: removed\nip: 1\n'],
  ['mapping in a list', '- ansible_password:\n    x\n  ip: 1\n', '- ansible_password: removed\n  ip: 1\n'],
  ['vault block', 'vault_x: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\nip: 1', 'vault_x: removed\nip: 1'],
  ['loose vault text', '  $ANSIBLE_VAULT;1.1;AES256', '  removed'],
  ['private key', 'k: "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"', 'k: "removed"'],
  ['a switch says nothing', 'kube_token_auth: true\nip: 1', 'kube_token_auth: true\nip: 1'],
  ['Kubernetes Secret', 'kind: Secret\nmetadata: {name: x}\ndata:\n  a: Zm9v\n', 'kind: Secret\nmetadata: {name: x}\ndata: removed\n'],
  ['table', 'name,address,ssh_password\na,10.0.0.1,hunter2\nb,10.0.0.2,\n', 'name,address,ssh_password\na,10.0.0.1,removed\nb,10.0.0.2,\n'],
  ['Windows lines', 'ansiblePass: x\r\nip: 1\r\n', 'ansiblePass: removed\r\nip: 1\r\n'],
];
test.each(cases)('%s', (_, text, expected) => expect(withoutSecrets(text).text).toBe(expected));

test('what is clean stays as it is, and is not counted', () => {
  for (const [, , clean] of cases) expect(withoutSecrets(clean).text).toBe(clean);
  expect(withoutSecrets('a: 1\nip: x\n').removed).toBe(0);
});

const FIXTURES = import.meta.glob<string>(['../../../tests/fixtures/site/**/*.{yaml,yml,ini,json}', '../../../examples/dce/*.yaml', '!**/expected.json'], { query: '?raw', import: 'default', eager: true });
const CANARY = /c4n4ry|example-only/;
const inventories = Object.entries(FIXTURES).filter(([, text]) => CANARY.test(text));

test.each(inventories)('%s: no canary is left in any field that can hold a secret', (_, text) => {
  const { text: clean, removed } = withoutSecrets(text);
  expect(clean).not.toMatch(CANARY);
  expect(removed).toBeGreaterThan(0);
});

test('there are inventories with canaries', () => expect(inventories.length).toBeGreaterThan(5));
