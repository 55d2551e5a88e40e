import { beforeEach, describe, expect, it } from 'vitest';
import { Changes } from '../signal.ts';
import { type Element, element, parse } from '../xml.ts';
import type { Client } from '../xmpp/client.ts';
import { People } from './people.ts';

const ROSTER = `<iq xmlns='jabber:client' type='result'><query xmlns='jabber:iq:roster'>
  <item jid='bob@example.org' name='Bob' subscription='both'><group>Team</group></item>
  <item jid='carol@example.org' subscription='from'/></query></iq>`;

describe('people', () => {
  let people: People;
  let sent: Element[];
  const presence = (from: string, body = '', type = '') => people.take(parse(`<presence xmlns='jabber:client' from='${from}' ${type}>${body}</presence>`));
  beforeEach(async () => {
    sent = [];
    const client = { bare: 'ann@example.org', iq: async () => parse(ROSTER), send: (stanza: Element) => sent.push(stanza) };
    people = new People(client as unknown as Client, new Changes(work => work()));
    await people.begin();
  });

  it('knows names and groups, in order', () => {
    expect(people.list().map(one => [one.name, one.groups])).toEqual([['Bob', ['Team']], ['carol', []]]);
  });

  it('shows the best of several devices, and offline when the last is gone', () => {
    expect(people.presence('bob@example.org').show).toBe('offline');
    presence('bob@example.org/a', '<show>away</show>');
    presence('bob@example.org/b', '<status>At my desk</status>');
    expect(people.presence('bob@example.org')).toMatchObject({ show: 'available', status: 'At my desk', devices: 2 });
    presence('bob@example.org/b', '', "type='unavailable'");
    expect(people.presence('bob@example.org').show).toBe('away');
  });

  it('says that nothing is known of whom one may not see, and of all when the server is away', () => {
    expect(people.presence('carol@example.org').show).toBe('unknown');
    people.lost();
    expect(people.presence('bob@example.org').show).toBe('unknown');
    people.resumed();
    expect(people.presence('bob@example.org').show).toBe('offline');
  });

  it('names the reason and its source', () => {
    presence('bob@example.org/a', "<show>away</show><status>On the phone</status><reason xmlns='urn:carillon:presence:0' state='on-the-phone' source='line' since='2026-11-21T22:31:07Z'/>");
    expect(people.presence('bob@example.org')).toMatchObject({ show: 'calling', status: '', source: 'line', since: Date.UTC(2026, 10, 21, 22, 31, 7) });
  });

  it('knows a call by the words or the activity of servers that name no reason', () => {
    presence('bob@example.org/a', '<show>away</show><status>On the phone</status>');
    expect(people.presence('bob@example.org').show).toBe('calling');
    presence('bob@example.org/a');
    const activity = "<activity xmlns='http://jabber.org/protocol/activity'><talking><on_the_phone/></talking></activity>";
    people.activity('bob@example.org', parse(activity));
    expect(people.presence('bob@example.org').show).toBe('calling');
    people.activity('bob@example.org', parse("<activity xmlns='http://jabber.org/protocol/activity'/>"));
    expect(people.presence('bob@example.org').show).toBe('available');
  });

  it('takes changes of the roster from the own server alone', () => {
    const change = (from: string | undefined) => element('iq', 'jabber:client', { type: 'set', from }, element('query', 'jabber:iq:roster', {}, element('item', 'jabber:iq:roster', { jid: 'bob@example.org', subscription: 'remove' })));
    expect(people.push(change('eve@example.net/x'))).toBe(false);
    expect(people.list()).toHaveLength(2);
    expect(people.push(change(undefined))).toBe(true);
    expect(people.list()).toHaveLength(1);
  });

  it('asks back whom it lets see', () => {
    presence('dora@example.org', '', "type='subscribe'");
    expect(people.pending()).toEqual([['dora@example.org', '']]);
    people.answer('dora@example.org', true);
    expect(sent.map(one => one.attribute('type'))).toEqual(['subscribed', 'subscribe']);
    expect(people.pending()).toEqual([]);
  });
});
