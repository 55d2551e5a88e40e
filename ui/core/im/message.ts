// What a message stanza says, read into plain data: a message, or something that happens to one.

import type { Element } from '../xml.ts';
import { bareOf, resourceOf } from '../xmpp/address.ts';
import * as ns from '../xmpp/namespaces.ts';

export type Delivery = 'queued' | 'sent' | 'received' | 'read' | 'failed';
export type Reply = { id: string; to: string; quote?: string | undefined };
export type SharedFile = { url: string; name: string; size?: number | undefined; type?: string | undefined; width?: number | undefined; height?: number | undefined };

/** A message as the cache keeps it. */
export type Message = {
  /** The bare address of the conversation. */
  chat: string;
  /** Unique in the conversation: the sender's own id. */
  key: string;
  at: number;
  /** The archive's id (XEP-0359), by which a history is continued. */
  archive?: string | undefined;
  /** The bare address of who sent it; in rooms the nickname. */
  from: string;
  mine: boolean;
  body: string;
  delivery?: Delivery | undefined;
  problem?: string | undefined;
  reply?: Reply | undefined;
  file?: SharedFile | undefined;
  /** The name of an encryption that this client does not speak. */
  encrypted?: string | undefined;
  /** Who reacted, and with what. */
  reactions?: Record<string, string[]> | undefined;
  edited?: number | undefined;
  retracted?: { at: number; by?: string | undefined; reason?: string | undefined } | undefined;
  mention?: boolean | undefined;
  /** The sender wants to know that it was read (XEP-0333). */
  markable?: boolean | undefined;
  /** Set while it waits to be sent. */
  queuedAt?: number | undefined;
  /** `chat\nid` for every id by which others speak of it. */
  refs: string[];
};

/** Something that a stanza says. */
export type Happening =
  | { is: 'message'; message: Message }
  | { is: 'reactions'; chat: string; target: string; from: string; emojis: string[]; at: number }
  | { is: 'edit'; chat: string; target: string; from: string; body: string; at: number; archive?: string | undefined }
  | { is: 'retraction'; chat: string; target: string; from: string; moderated: boolean; reason?: string | undefined; at: number }
  | { is: 'receipt'; chat: string; target: string; read: boolean; mine: boolean }
  | { is: 'typing'; chat: string; from: string; typing: boolean }
  | { is: 'subject'; chat: string; text: string; from: string }
  | { is: 'invitation'; room: string; from: string; reason: string; password?: string | undefined }
  | { is: 'failure'; chat: string; target: string; condition: string };

export type Context = {
  /** Our bare address. */
  own: string;
  at: number;
  /** The id in the archive that the message came from. */
  archive?: string | undefined;
  /** Our nickname in a room. */
  nick?: (room: string) => string | undefined;
};

const BODY_UNITS_MAX = 1_000_000;
const REACTIONS_MAX = 32;

/** Reads a message; null when it says nothing that this client knows. */
export function readMessage(stanza: Element, context: Context): Happening | null {
  const type = stanza.attribute('type') ?? 'normal';
  const from = stanza.attribute('from') ?? context.own;
  const room = type === 'groupchat';
  const mine = room ? resourceOf(from) !== '' && resourceOf(from) === context.nick?.(bareOf(from)) : bareOf(from) === context.own;
  const chat = room || !mine ? bareOf(from) : bareOf(stanza.attribute('to') ?? context.own);
  const head: Head = { stanza, context, chat, room, mine, from: room ? resourceOf(from) : bareOf(from) };
  if (type === 'error') return failure(head);
  return invitation(head) ?? subject(head) ?? change(head) ?? receipt(head) ?? said(head) ?? typing(head);
}

type Head = { stanza: Element; context: Context; chat: string; room: boolean; mine: boolean; from: string };

function failure({ stanza, chat }: Head): Happening | null {
  const target = stanza.attribute('id');
  const condition = stanza.child('error')?.children.find(child => child.namespace === ns.STANZA_ERRORS && child.name !== 'text')?.name;
  return target ? { is: 'failure', chat, target, condition: condition ?? 'undefined-condition' } : null;
}

function invitation({ stanza, context, chat }: Head): Happening | null {
  const direct = stanza.child('x', ns.DIRECT_INVITATION);
  const room = direct?.attribute('jid');
  if (room) return { is: 'invitation', room: bareOf(room), from: bareOf(stanza.attribute('from') ?? ''), reason: direct?.attribute('reason') ?? '', password: direct?.attribute('password') };
  const user = stanza.child('x', ns.MUC_USER);
  const mediated = user?.child('invite');
  const inviter = mediated?.attribute('from');
  if (!mediated || !inviter || bareOf(inviter) === context.own) return null;
  return { is: 'invitation', room: chat, from: bareOf(inviter), reason: mediated.textOf('reason') ?? '', password: user?.textOf('password') };
}

function subject({ stanza, chat, room, from }: Head): Happening | null {
  const text = stanza.textOf('subject');
  // XEP-0045 §7.2.15: a subject comes without a body.
  return room && text !== undefined && stanza.child('body') === undefined ? { is: 'subject', chat, text, from } : null;
}

/** What happens to an earlier message. */
function change({ stanza, context, chat, room, from }: Head): Happening | null {
  const at = context.at;
  const reactions = stanza.child('reactions', ns.REACTIONS);
  const reactedTo = reactions?.attribute('id');
  if (reactedTo) {
    const emojis = [...new Set(reactions?.childrenOf('reaction').map(one => one.text.trim()))].filter(isEmoji).slice(0, REACTIONS_MAX);
    return { is: 'reactions', chat, target: reactedTo, from, emojis, at };
  }
  const retract = stanza.child('retract', ns.RETRACTION);
  const retracted = retract?.attribute('id');
  if (retract && retracted) {
    // XEP-0425 §4: only the room itself may say that a moderator did it.
    const moderated = room && from === '' && retract.child('moderated', ns.MODERATION) !== undefined;
    return { is: 'retraction', chat, target: retracted, from, moderated, reason: retract.textOf('reason'), at };
  }
  const target = stanza.child('replace', ns.CORRECTION)?.attribute('id');
  if (!target) return null;
  return { is: 'edit', chat, target, from, body: bodyOf(stanza).body, at, archive: archiveOf(stanza, context, room ? chat : context.own) };
}

/** One emoji, perhaps of several code points; not a text in disguise. */
export function isEmoji(text: string): boolean {
  return text.length > 0 && text.length <= 32 && /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\u200d|\ufe0f)+$/u.test(text);
}

function receipt({ stanza, chat, room, mine }: Head): Happening | null {
  if (room || stanza.child('body')) return null;
  const displayed = stanza.child('displayed', ns.MARKERS)?.attribute('id');
  if (displayed) return { is: 'receipt', chat, target: displayed, read: true, mine };
  const received = (stanza.child('received', ns.RECEIPTS) ?? stanza.child('received', ns.MARKERS))?.attribute('id');
  return received ? { is: 'receipt', chat, target: received, read: false, mine } : null;
}

function typing({ stanza, chat, from, mine }: Head): Happening | null {
  const state = stanza.children.find(child => child.namespace === ns.CHAT_STATES)?.name;
  return state && !mine ? { is: 'typing', chat, from, typing: state === 'composing' } : null;
}

function said(head: Head): Happening | null {
  const { stanza, context, chat, room, mine, from } = head;
  const encrypted = encryptionOf(stanza);
  const { body, reply } = bodyOf(stanza);
  const file = fileOf(stanza, body);
  if ((!body && !encrypted && !file) || (room && from === '')) return null;
  const archive = archiveOf(stanza, context, room ? chat : context.own);
  const id = stanza.attribute('id');
  const origin = stanza.child('origin-id', ns.STANZA_IDS)?.attribute('id');
  const key = origin ?? id ?? archive ?? `at-${context.at}`;
  const nick = context.nick?.(chat);
  const message: Message = {
    chat,
    key: mine ? key : `${from}\n${key}`,
    at: context.at,
    archive,
    from,
    mine,
    body: encrypted ? '' : body.slice(0, BODY_UNITS_MAX),
    refs: [...new Set([id, origin, archive].filter(one => one !== undefined))].map(one => refOf(chat, one)),
  };
  if (mine) message.delivery = 'sent';
  if (reply) message.reply = reply;
  if (file) message.file = file;
  if (encrypted) message.encrypted = encrypted;
  if (stanza.child('markable', ns.MARKERS)) message.markable = true;
  if (!mine && mentions(stanza, body, room ? nick : undefined, context.own)) message.mention = true;
  return { is: 'message', message };
}

export const refOf = (chat: string, id: string): string => `${chat}\n${id}`;

function archiveOf(stanza: Element, context: Context, by: string): string | undefined {
  return context.archive ?? stanza.childrenOf('stanza-id', ns.STANZA_IDS).find(one => one.attribute('by') === by)?.attribute('id');
}

function encryptionOf(stanza: Element): string | undefined {
  const said = stanza.child('encryption', ns.ENCRYPTION);
  if (said) return said.attribute('name') ?? (ns.OMEMO.includes(said.attribute('namespace') ?? '') ? 'OMEMO' : (said.attribute('namespace') ?? ''));
  return ns.OMEMO.some(one => stanza.child('encrypted', one)) ? 'OMEMO' : undefined;
}

/** The text without what stands in it for clients that know no replies (XEP-0428). */
function bodyOf(stanza: Element): { body: string; reply: Reply | undefined } {
  const body = stanza.textOf('body') ?? '';
  const said = stanza.child('reply', ns.REPLY);
  const id = said?.attribute('id');
  if (!id) return { body, reply: undefined };
  const reply: Reply = { id, to: said?.attribute('to') ?? '' };
  const range = stanza.childrenOf('fallback', ns.FALLBACK).find(one => one.attribute('for') === ns.REPLY)?.child('body');
  if (!range) return { body, reply };
  // XEP-0428 §2.2: counted in code points.
  const points = [...body];
  const [start, end] = [Number(range.attribute('start') ?? 0), Number(range.attribute('end') ?? points.length)];
  if (!(start >= 0 && start <= end && end <= points.length)) return { body, reply };
  const quote = points.slice(start, end).join('').replace(/^> ?/gm, '').trim();
  return { body: [...points.slice(0, start), ...points.slice(end)].join(''), reply: { ...reply, quote } };
}

function fileOf(stanza: Element, body: string): SharedFile | undefined {
  const sharing = stanza.child('file-sharing', ns.FILE_SHARING);
  const file = sharing?.child('file', ns.FILE_METADATA);
  const source = sharing?.child('sources')?.children.find(one => one.name === 'url-data')?.attribute('target');
  const plain = stanza.child('x', ns.OUT_OF_BAND)?.textOf('url');
  const url = source ?? (plain === body.trim() ? plain : undefined);
  if (!url || !/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined;
  const number = (name: string) => {
    const value = Number(file?.textOf(name));
    return Number.isFinite(value) && value > 0 ? value : undefined;
  };
  return { url, name: file?.textOf('name') || nameOf(url), size: number('size'), type: file?.textOf('media-type') ?? typeOf(url), width: number('width'), height: number('height') };
}

function nameOf(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last) || url;
  } catch {
    return last;
  }
}

const TYPES: Record<string, string> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', pdf: 'application/pdf', mp4: 'video/mp4', ogg: 'audio/ogg', mp3: 'audio/mpeg' };
const typeOf = (url: string): string | undefined => TYPES[new URL(url).pathname.split('.').at(-1)?.toLowerCase() ?? ''];

const edge = (character: string | undefined) => character === undefined || !/[\p{L}\p{N}]/u.test(character);

function mentions(stanza: Element, body: string, nick: string | undefined, own: string): boolean {
  if (stanza.childrenOf('reference', ns.REFERENCES).some(one => one.attribute('type') === 'mention' && one.attribute('uri')?.includes(own))) return true;
  if (!nick) return false;
  const at = body.toLowerCase().indexOf(nick.toLowerCase());
  return at >= 0 && edge(body[at - 1]) && edge(body[at + nick.length]);
}
