import { expect, it } from 'vitest';
import { element } from '../xml.ts';
import { Management } from './management.ts';

const message = (id: number) => element('message', 'jabber:client', { id });
const ids = (stanzas: readonly { attribute(name: string): string | undefined }[] | null) => stanzas?.map(one => one.attribute('id'));

it('tells each stanza once that it arrived', () => {
  const management = new Management();
  const told: number[] = [];
  management.begin('s');
  for (const id of [1, 2, 3]) management.sent(message(id), () => told.push(id));
  expect(management.settle('2')).toBe(true);
  expect(management.settle('2')).toBe(true);
  expect(told).toEqual([1, 2]);
  expect(management.unacknowledged).toBe(1);
});

it('refuses counts that cannot be', () => {
  const management = new Management();
  management.begin('s');
  management.sent(message(1));
  for (const h of ['2', '-1', 'x', undefined]) expect(management.settle(h), h).toBe(false);
});

it('repeats after a resumption what the server has not seen', () => {
  const management = new Management();
  management.begin('s');
  for (const id of [1, 2, 3]) management.sent(message(id));
  management.received();
  expect(String(management.resume())).toBe('<resume xmlns="urn:xmpp:sm:3" previd="s" h="1"/>');
  expect(ids(management.resumed('1'))).toEqual(['2', '3']);
  expect(management.resumed('9')).toBeNull();
});

it('hands back what a lost session had not delivered', () => {
  const management = new Management();
  management.begin('s');
  management.sent(message(1));
  expect(ids(management.begin('t'))).toEqual(['1']);
  expect(management.begin(null)).toEqual([]);
  expect(management.resume()).toBeUndefined();
});

it('asks now and then, not for each stanza', () => {
  const management = new Management();
  management.begin('s');
  const asked = Array.from({ length: 10 }, (_, id) => management.sent(message(id)));
  expect(asked.filter(Boolean)).toHaveLength(2);
});
