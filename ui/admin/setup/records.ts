// What the name service should say of this server, and which numbers of a range are free.

import type { ListenerRow } from '../api/shapes.ts';

/** A record of the name service. */
export type DnsRecord = { key: 'xmpp-client' | 'xmpps-client' | 'xmpp-server' | 'xmpps-server' | 'rooms' | 'sip' | 'sips' | 'address'; name: string; type: 'SRV' | 'A/AAAA'; value: string };

const SERVICES: readonly [listener: string, key: DnsRecord['key'], service: string][] = [
  ['XMPP', 'xmpp-client', '_xmpp-client._tcp'],
  ['XMPP over TLS', 'xmpps-client', '_xmpps-client._tcp'],
  ['XMPP servers', 'xmpp-server', '_xmpp-server._tcp'],
  ['XMPP servers over TLS', 'xmpps-server', '_xmpps-server._tcp'],
  ['XMPP servers', 'rooms', '_xmpp-server._tcp.conference'],
  ['SIP over UDP', 'sip', '_sip._udp'],
  ['SIP over TCP', 'sip', '_sip._tcp'],
  ['SIP over TLS', 'sips', '_sips._tcp'],
];

/** The records (RFC 6120 §3.2.1, XEP-0368, RFC 3263 §4.1), for the ports that are listened on. */
export function recordsFor(domain: string, host: string, listeners: readonly ListenerRow[]): DnsRecord[] {
  const records: DnsRecord[] = [{ key: 'address', name: `${host}.`, type: 'A/AAAA', value: '' }];
  for (const [name, key, service] of SERVICES) {
    const port = listeners.find(listener => listener.name === name)?.address.split(':').at(-1);
    if (port) records.push({ key, name: `${service}.${domain}.`, type: 'SRV', value: `0 5 ${port} ${host}.` });
  }
  return records;
}

/** Records as a zone file has them; the address is for the reader to fill in. */
export function zoneOf(records: readonly DnsRecord[]): string {
  return records.filter(record => record.type === 'SRV').map(record => `${record.name} 3600 IN SRV ${record.value}`).join('\n');
}

/** Numbers that follow each other. */
export type NumberRange = { first: string; last: string };

const RANGE_MAX = 100_000;

/** Both ends are digits of the same length, in order. */
export function isRange({ first, last }: NumberRange): boolean {
  return /^\d{1,15}$/.test(first) && /^\d{1,15}$/.test(last) && first.length === last.length && Number(first) <= Number(last) && Number(last) - Number(first) < RANGE_MAX;
}

/** The first free numbers of a range, so many at most. */
export function freeNumbers(range: NumberRange, taken: ReadonlySet<string>, count: number): string[] {
  const free: string[] = [];
  if (!isRange(range)) return free;
  for (let number = Number(range.first); number <= Number(range.last) && free.length < count; number++) {
    const text = String(number).padStart(range.first.length, '0');
    if (!taken.has(text)) free.push(text);
  }
  return free;
}

/** A user name for a person's name: the first name, in letters that every keyboard has. */
export function userNameFor(name: string, taken: ReadonlySet<string>): string {
  const plain = name.replaceAll('ß', 'ss').normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().split(/[^a-z0-9]+/).filter(Boolean);
  const [first = '', ...rest] = plain;
  if (!first || !taken.has(first)) return first;
  const longer = [first, ...rest].join('.');
  if (!taken.has(longer)) return longer;
  for (let number = 2; ; number++) if (!taken.has(`${longer}${number}`)) return `${longer}${number}`;
}
