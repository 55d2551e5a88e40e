import { describe, expect, it } from 'vitest';
import { parse } from '../xml.ts';
import { type Context, isEmoji, readMessage } from './message.ts';

const context: Context = { own: 'ann@example.org', at: 1000, nick: room => (room === 'r@rooms.example.org' ? 'Ann' : undefined) };
const read = (head: string, body: string) => readMessage(parse(`<message xmlns='jabber:client' ${head}>${body}</message>`), context);
const chat = "from='bob@example.org/x' to='ann@example.org' type='chat' id='1'";
const room = "from='r@rooms.example.org/Bob' type='groupchat' id='1'";

const stanzaId = (by: string) => `<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' id='a' by='${by}'/>`;
const oob = (url: string) => read(chat, `<body>${url}</body><x xmlns='jabber:x:oob'><url>${url}</url></x>`);

describe('readMessage', () => {
  it('reads what others say, and what we say elsewhere', () => {
    expect(read(chat, '<body>Hi</body>')).toMatchObject({ is: 'message', message: { chat: 'bob@example.org', from: 'bob@example.org', mine: false, body: 'Hi' } });
    const mine = read("from='ann@example.org/y' to='bob@example.org' id='1'", '<body>Hi</body>');
    expect(mine).toMatchObject({ is: 'message', message: { chat: 'bob@example.org', mine: true, key: '1', delivery: 'sent' } });
  });

  it('takes the id of the archive only from the archive', () => {
    expect(read(chat, stanzaId('ann@example.org'))).toMatchObject({ message: { archive: 'a' } });
    expect(read(chat, stanzaId('bob@example.org'))).toMatchObject({ message: { archive: undefined } });
    expect(read(room, stanzaId('r@rooms.example.org'))).toMatchObject({ message: { archive: 'a' } });
  });

  it('shows an encrypted message as that, not its stand-in', () => {
    const happening = read(chat, "<encrypted xmlns='eu.siacs.conversations.axolotl'/><body>I sent you an OMEMO message</body>");
    expect(happening).toMatchObject({ message: { body: '', encrypted: 'OMEMO' } });
  });

  it('takes the quotation for old clients out of a reply, counted in code points', () => {
    const reply = "<reply xmlns='urn:xmpp:reply:0' id='7' to='bob@example.org'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='6'/></fallback>";
    expect(read(chat, `<body>&gt; 😀 x\nYes</body>${reply}`)).toMatchObject({ message: { body: 'Yes', reply: { id: '7', quote: '😀 x' } } });
  });

  it('knows files by both ways, and no other scheme', () => {
    expect(oob('https://example.org/a%20b.png')).toMatchObject({ message: { file: { name: 'a b.png', type: 'image/png' } } });
    expect(oob('javascript:alert(1)')).not.toHaveProperty('message.file');
  });

  it('says when we are named in a room', () => {
    expect(read(room, '<body>ann: look</body>')).toMatchObject({ message: { mention: true } });
    expect(read(room, '<body>annual</body>')).not.toHaveProperty('message.mention');
  });

  it('believes a moderation from the room alone', () => {
    const retract = "<retract xmlns='urn:xmpp:message-retract:1' id='9'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>";
    expect(read("from='r@rooms.example.org' type='groupchat'", retract)).toMatchObject({ is: 'retraction', moderated: true });
    expect(read(room, retract)).toMatchObject({ is: 'retraction', moderated: false });
  });

  it.each([
    ["<received xmlns='urn:xmpp:receipts' id='5'/>", { is: 'receipt', target: '5', read: false }],
    ["<displayed xmlns='urn:xmpp:chat-markers:0' id='5'/>", { is: 'receipt', target: '5', read: true }],
    ["<composing xmlns='http://jabber.org/protocol/chatstates'/>", { is: 'typing', typing: true }],
    ["<replace xmlns='urn:xmpp:message-correct:0' id='5'/><body>new</body>", { is: 'edit', target: '5', body: 'new' }],
    ["<reactions xmlns='urn:xmpp:reactions:0' id='5'><reaction>👍</reaction><reaction>lol</reaction></reactions>", { is: 'reactions', emojis: ['👍'] }],
    ["<x xmlns='jabber:x:conference' jid='q@rooms.example.org'/>", { is: 'invitation', room: 'q@rooms.example.org' }],
  ])('reads %s', (body, expected) => expect(read(chat, body)).toMatchObject(expected));

  it('reads a failure as that of our message', () => {
    const error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    expect(read("from='bob@example.org' type='error' id='1'", `<body>x</body>${error}`)).toMatchObject({ is: 'failure', target: '1', condition: 'service-unavailable' });
  });

  it('says nothing of what says nothing', () => expect(read(chat, '')).toBeNull());
});

it('knows emojis from words', () => {
  for (const emoji of ['👍', '👍🏽', '❤️', '👨‍👩‍👧', '🇩🇪']) expect(isEmoji(emoji), emoji).toBe(true);
  for (const text of ['', 'lol', '👍 x', '<b>']) expect(isEmoji(text), text).toBe(false);
});
