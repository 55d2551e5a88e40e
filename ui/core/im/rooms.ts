// Rooms (XEP-0045): joining, who is there, what the room is about; and the bookmarks that say which to join (XEP-0402).

import { type Element, element } from '../xml.ts';
import type { Changes } from '../signal.ts';
import { bareOf, localOf, resourceOf } from '../xmpp/address.ts';
import { type Client, StanzaError } from '../xmpp/client.ts';
import * as ns from '../xmpp/namespaces.ts';
import { itemsOf, publish, retractItem } from './pubsub.ts';

export type Affiliation = 'owner' | 'admin' | 'member' | 'none' | 'outcast';
export type Role = 'moderator' | 'participant' | 'visitor' | 'none';
export type Occupant = { nick: string; jid?: string | undefined; affiliation: Affiliation; role: Role; show: 'available' | 'away' | 'dnd' };
export type RoomState = 'joining' | 'joined' | 'left' | 'refused';
export type Room = {
  jid: string;
  nick: string;
  state: RoomState;
  /** Why we are not in it. */
  why: string;
  subject: string;
  occupants: Map<string, Occupant>;
};
export type Bookmark = { jid: string; name: string; nick?: string | undefined; password?: string | undefined; autojoin: boolean };
export type FoundRoom = { jid: string; name: string };

const OCCUPANTS_MAX = 5000;
const BOOKMARK_OPTIONS = { persist_items: 'true', max_items: 'max', send_last_published_item: 'never', access_model: 'whitelist' };

export class Rooms {
  private readonly rooms = new Map<string, Room>();
  readonly bookmarks = new Map<string, Bookmark>();
  /** A room was joined: its history can be read. */
  joined: (room: Room) => void = () => {};
  /** A bookmark came or changed: the list has the room. */
  marked: (bookmark: Bookmark, gone: boolean) => void = () => {};

  constructor(
    private readonly client: Client,
    private readonly changes: Changes,
  ) {}

  room(jid: string): Room | undefined {
    this.changes.watch(`room:${jid}`);
    return this.rooms.get(jid);
  }

  /** Without watching it. */
  nickIn = (jid: string): string | undefined => this.rooms.get(jid)?.nick;

  has(jid: string): boolean {
    return this.rooms.has(jid);
  }

  joinedRooms(): Room[] {
    return [...this.rooms.values()].filter(room => room.state === 'joined');
  }

  /** A new session: the server knows nothing of our places. */
  async begin(): Promise<void> {
    for (const room of this.rooms.values()) {
      room.state = 'left';
      room.occupants.clear();
    }
    const items = await itemsOf(this.client, undefined, ns.BOOKMARKS).catch(() => []);
    this.bookmarks.clear();
    for (const item of items) this.bookmark(item);
    for (const mark of this.bookmarks.values()) if (mark.autojoin) this.join(mark.jid, mark.nick, mark.password);
  }

  /** A bookmark as an item of the node. */
  bookmark(item: Element): void {
    const jid = item.attribute('id') ?? '';
    const said = item.child('conference', ns.BOOKMARKS);
    if (!jid || !said) return;
    const autojoin = ['true', '1'].includes(said.attribute('autojoin') ?? '');
    const mark = { jid, name: said.attribute('name') || localOf(jid), nick: said.textOf('nick'), password: said.textOf('password'), autojoin };
    this.bookmarks.set(jid, mark);
    this.marked(mark, false);
    this.changes.touch(`room:${jid}`);
  }

  unmarked(jid: string): void {
    const mark = this.bookmarks.get(jid);
    this.bookmarks.delete(jid);
    if (mark) this.marked(mark, true);
  }

  async mark(mark: Bookmark): Promise<void> {
    const conference = element('conference', ns.BOOKMARKS, { name: mark.name, autojoin: mark.autojoin ? 'true' : 'false' }, mark.nick ? element('nick', ns.BOOKMARKS, {}, mark.nick) : null, mark.password ? element('password', ns.BOOKMARKS, {}, mark.password) : null);
    this.bookmarks.set(mark.jid, mark);
    this.marked(mark, false);
    await publish(this.client, ns.BOOKMARKS, mark.jid, conference, BOOKMARK_OPTIONS);
  }

  async unmark(jid: string): Promise<void> {
    this.unmarked(jid);
    await retractItem(this.client, ns.BOOKMARKS, jid);
  }

  join(jid: string, nick = localOf(this.client.bare), password?: string): void {
    const known = this.rooms.get(jid);
    const room: Room = known ?? { jid, nick, state: 'joining', why: '', subject: '', occupants: new Map() };
    Object.assign(room, { nick, state: 'joining', why: '' });
    room.occupants.clear();
    this.rooms.set(jid, room);
    this.changes.touch(`room:${jid}`);
    const entry = element('x', ns.MUC, {}, element('history', ns.MUC, { maxstanzas: 0 }), password ? element('password', ns.MUC, {}, password) : null);
    this.client.send(element('presence', ns.CLIENT, { to: `${jid}/${nick}` }, entry));
  }

  leave(jid: string): void {
    const room = this.rooms.get(jid);
    if (!room) return;
    this.client.send(element('presence', ns.CLIENT, { to: `${jid}/${room.nick}`, type: 'unavailable' }));
    this.rooms.delete(jid);
    this.changes.touch(`room:${jid}`);
  }

  /** A presence from a room; false when it is not from one that we know. */
  take(stanza: Element): boolean {
    const from = stanza.attribute('from') ?? '';
    const room = this.rooms.get(bareOf(from));
    if (!room) return false;
    const nick = resourceOf(from);
    const type = stanza.attribute('type');
    const user = stanza.child('x', ns.MUC_USER);
    const codes = new Set(user?.childrenOf('status').map(one => one.attribute('code')));
    const own = codes.has('110') || nick === room.nick;
    if (type === 'error') this.refused(room, stanza);
    else if (type === 'unavailable') this.gone(room, nick, own, codes, user);
    else if (room.occupants.size < OCCUPANTS_MAX) this.here(room, nick, own, stanza, user);
    this.changes.touch(`room:${room.jid}`);
    return true;
  }

  private refused(room: Room, stanza: Element): void {
    const error = StanzaError.of(stanza);
    if (room.state === 'joining' && error.condition === 'conflict') {
      this.join(room.jid, `${room.nick}_`);
      return;
    }
    if (room.state !== 'joined') Object.assign(room, { state: 'refused', why: error.condition });
  }

  private here(room: Room, nick: string, own: boolean, stanza: Element, user: Element | undefined): void {
    const item = user?.child('item');
    const show = stanza.textOf('show');
    room.occupants.set(nick, {
      nick,
      jid: item?.attribute('jid') && bareOf(item.attribute('jid') ?? ''),
      affiliation: (item?.attribute('affiliation') ?? 'none') as Affiliation,
      role: (item?.attribute('role') ?? 'none') as Role,
      show: show === 'dnd' ? 'dnd' : show === 'away' || show === 'xa' ? 'away' : 'available',
    });
    if (!own || room.state === 'joined') return;
    Object.assign(room, { state: 'joined', nick });
    this.joined(room);
  }

  private gone(room: Room, nick: string, own: boolean, codes: Set<string | undefined>, user: Element | undefined): void {
    room.occupants.delete(nick);
    const renamed = user?.child('item')?.attribute('nick');
    if (own && codes.has('303') && renamed) room.nick = renamed;
    else if (own) {
      const why = codes.has('307') ? 'kicked' : codes.has('301') ? 'banned' : codes.has('321') || codes.has('322') ? 'members-only' : user?.child('destroy') ? 'destroyed' : 'left';
      Object.assign(room, { state: 'left', why });
      room.occupants.clear();
    }
  }

  subject(jid: string, text: string): void {
    const room = this.rooms.get(jid);
    if (room) room.subject = text;
    this.changes.touch(`room:${jid}`);
  }

  setSubject(jid: string, text: string): void {
    this.client.send(element('message', ns.CLIENT, { to: jid, type: 'groupchat', id: this.client.id() }, element('subject', ns.CLIENT, {}, text)));
  }

  /** Invites; in a room for members only it makes them one first (XEP-0249 would else be of no use). */
  async invite(jid: string, whom: string, reason = ''): Promise<void> {
    const room = this.rooms.get(jid);
    const own = room?.occupants.get(room.nick);
    if (own && ['owner', 'admin'].includes(own.affiliation)) await this.setAffiliation(jid, whom, 'member').catch(() => {});
    const invite = element('invite', ns.MUC_USER, { to: whom }, reason ? element('reason', ns.MUC_USER, {}, reason) : null);
    this.client.send(element('message', ns.CLIENT, { to: jid, id: this.client.id() }, element('x', ns.MUC_USER, {}, invite)));
  }

  async setAffiliation(jid: string, whom: string, affiliation: Affiliation): Promise<void> {
    await this.client.iq('set', jid, element('query', ns.MUC_ADMIN, {}, element('item', ns.MUC_ADMIN, { jid: whom, affiliation })));
  }

  async setRole(jid: string, nick: string, role: Role): Promise<void> {
    await this.client.iq('set', jid, element('query', ns.MUC_ADMIN, {}, element('item', ns.MUC_ADMIN, { nick, role })));
  }

  /** Takes a message out of the room for all (XEP-0425). */
  async moderate(jid: string, archive: string, reason: string): Promise<void> {
    const retract = element('retract', ns.RETRACTION);
    await this.client.iq('set', jid, element('moderate', ns.MODERATION, { id: archive }, retract, reason ? element('reason', ns.MODERATION, {}, reason) : null));
  }

  /** Makes a room: joins it, and gives it its form. */
  async create(jid: string, name: string, open: boolean): Promise<void> {
    const before = this.joined;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new StanzaError('remote-server-timeout', 'wait', '')), 15_000);
      this.joined = room => {
        before(room);
        if (room.jid === jid) {
          clearTimeout(late);
          resolve();
        }
      };
      this.join(jid);
    }).finally(() => (this.joined = before));
    const fields = { 'muc#roomconfig_roomname': name, 'muc#roomconfig_persistentroom': '1', 'muc#roomconfig_publicroom': open ? '1' : '0', 'muc#roomconfig_membersonly': open ? '0' : '1', 'muc#roomconfig_whois': 'anyone' };
    const form = element('x', ns.FORMS, { type: 'submit' }, field('FORM_TYPE', `${ns.MUC}#roomconfig`), ...Object.entries(fields).map(([key, value]) => field(key, value)));
    await this.client.iq('set', jid, element('query', ns.MUC_OWNER, {}, form));
    await this.mark({ jid, name, autojoin: true, nick: localOf(this.client.bare) });
  }

  /** The public rooms of the server. */
  async directory(service: string): Promise<FoundRoom[]> {
    const answer = await this.client.iq('get', service, element('query', ns.DISCO_ITEMS));
    const items = answer.child('query', ns.DISCO_ITEMS)?.childrenOf('item') ?? [];
    return items.map(item => ({ jid: item.attribute('jid') ?? '', name: item.attribute('name') || localOf(item.attribute('jid') ?? '') })).filter(room => room.jid);
  }
}

const field = (name: string, value: string) => element('field', ns.FORMS, { var: name }, element('value', ns.FORMS, {}, value));
