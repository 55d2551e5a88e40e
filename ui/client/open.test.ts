import { expect, it } from 'vitest';
import { targetOf } from './open.ts';

it.each([
  ['xmpp:bob@example.org', { path: '/chats/bob%40example.org' }],
  ['xmpp:bob@example.org/desk?message;body=Hi', { path: '/chats/bob%40example.org' }],
  ['xmpp:team@rooms.example.org?join', { path: '/chats/team%40rooms.example.org', join: 'team@rooms.example.org' }],
  ['xmpp:bob@example.org?subscribe', { path: '/contacts/bob%40example.org' }],
  ['web+xmpp:bob@example.org', { path: '/chats/bob%40example.org' }],
  ['im:bob@example.org', { path: '/chats/bob%40example.org' }],
  ['tel:+49-30-123;phone-context=x', { path: '/calls?to=%2B49-30-123' }],
  ['sip:1002@example.org', { path: '/calls?to=1002%40example.org' }],
  ['ciscotel:1002', { path: '/calls?to=1002' }],
])('%s leads to its place', (uri, target) => expect(targetOf(uri)).toEqual(target));

it.each(['javascript:alert(1)', 'https://example.org', 'xmpp:', 'xmpp:no address', 'xmpp:%', ''])('%s leads nowhere', uri => expect(targetOf(uri)).toBeNull());
