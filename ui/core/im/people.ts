// The people one knows: the roster (RFC 6121) and what each is doing now, composed of the presence of their devices.

import { type Element, element } from '../xml.ts';
import type { Changes } from '../signal.ts';
import { bareOf, localOf, resourceOf } from '../xmpp/address.ts';
import type { Client } from '../xmpp/client.ts';
import { ACTIVITY, CLIENT, DELAY, IDLE, PRESENCE_REASON, ROSTER } from '../xmpp/namespaces.ts';

export type Show = 'available' | 'away' | 'busy' | 'dnd' | 'calling' | 'meeting' | 'offline' | 'unknown';

/** What one device of a person says. */
type Device = { show: Show; status: string; priority: number; since: number | undefined; source: string | undefined };

/** What is said of a person. */
export type PersonPresence = { show: Show; status: string; since?: number | undefined; source?: string | undefined; devices: number };

export type Contact = {
  jid: string;
  name: string;
  groups: string[];
  /** We see what they do. */
  seen: boolean;
  /** They see what we do. */
  sees: boolean;
  /** We asked, and they have not answered. */
  asked: boolean;
};

const byName = new Intl.Collator();
const RESOURCES_MAX = 32;
const STATUS_UNITS_MAX = 1024;
/** The words that the server sends while a call makes somebody away. */
const ON_THE_PHONE = /^on the phone$/i;
/** What the server writes for a state that it names as well: the page has words of its own for it. */
const SAID_BY_STATE = /^(on the phone|in a meeting|do not disturb|busy)$/i;
const ORDER: Show[] = ['dnd', 'calling', 'meeting', 'busy', 'available', 'away', 'unknown', 'offline'];

export class People {
  private readonly contacts = new Map<string, Contact>();
  private readonly devices = new Map<string, Map<string, Device>>();
  private readonly activities = new Map<string, Show>();
  /** Who wants to see us and waits for an answer. */
  readonly requests = new Map<string, string>();
  private known = false;
  private sorted: Contact[] | null = null;

  constructor(
    private readonly client: Client,
    private readonly changes: Changes,
  ) {}

  /** All contacts by name; read again when one comes, goes or is renamed, not when a presence changes. */
  list(): readonly Contact[] {
    this.changes.watch('people');
    this.sorted ??= [...this.contacts.values()].sort((a, b) => byName.compare(a.name, b.name));
    return this.sorted;
  }

  pending(): [string, string][] {
    this.changes.watch('people');
    return [...this.requests];
  }

  contact(jid: string): Contact | undefined {
    this.changes.watch(`person:${jid}`);
    return this.contacts.get(jid);
  }

  nameOf(jid: string): string {
    return this.contact(jid)?.name ?? localOf(jid);
  }

  /** What somebody does now. Without a right to see it, or without a server, nothing is known. */
  presence(jid: string): PersonPresence {
    this.changes.watch(`person:${jid}`);
    const own = jid === this.client.bare;
    const contact = this.contacts.get(jid);
    if (!own && (!this.known || !contact?.seen)) return { show: 'unknown', status: '', devices: 0 };
    const devices = [...(this.devices.get(jid)?.values() ?? [])];
    const best = devices.sort((a, b) => ORDER.indexOf(a.show) - ORDER.indexOf(b.show) || b.priority - a.priority)[0];
    if (!best) return { show: 'offline', status: '', devices: 0 };
    const activity = this.activities.get(jid);
    const show = activity && (best.show === 'away' || best.show === 'available') ? activity : best.show;
    return { show, status: best.status, since: best.since, source: best.source, devices: devices.length };
  }

  /** Shows the contacts of last time until the server tells them. */
  remember(contacts: readonly Contact[]): void {
    for (const contact of contacts) this.contacts.set(contact.jid, contact);
    this.sorted = null;
    this.changes.touch('people');
  }

  remembered(): Contact[] {
    return [...this.contacts.values()];
  }

  /** A new session: what was known of presence is not known any more. */
  async begin(): Promise<void> {
    this.known = false;
    this.forgetPresence();
    const answer = await this.client.iq('get', undefined, element('query', ROSTER));
    this.contacts.clear();
    this.sorted = null;
    for (const item of answer.child('query', ROSTER)?.childrenOf('item') ?? []) this.item(item);
    this.known = true;
    this.touchAll();
  }

  /** The connection is lost: presence is stale, and shown as that. */
  lost(): void {
    this.known = false;
    this.touchAll();
  }

  /** It came back as it was. */
  resumed(): void {
    this.known = true;
    this.touchAll();
  }

  private forgetPresence(): void {
    this.devices.clear();
    this.activities.clear();
    this.requests.clear();
    this.touchAll();
  }

  private touchAll(): void {
    for (const jid of this.contacts.keys()) this.changes.touch(`person:${jid}`);
    this.changes.touch(`person:${this.client.bare}`);
    this.changes.touch('people');
  }

  /** A change of the roster, pushed by one's own server. */
  push(iq: Element): boolean {
    const from = iq.attribute('from');
    if (from !== undefined && bareOf(from) !== this.client.bare) return false;
    for (const item of iq.child('query', ROSTER)?.childrenOf('item') ?? []) this.item(item);
    this.changes.touch('people');
    return true;
  }

  private item(item: Element): void {
    const jid = item.attribute('jid');
    if (!jid) return;
    this.sorted = null;
    const subscription = item.attribute('subscription') ?? 'none';
    if (subscription === 'remove') {
      this.contacts.delete(jid);
      this.devices.delete(jid);
    } else {
      this.contacts.set(jid, {
        jid,
        name: item.attribute('name') || localOf(jid),
        groups: item.childrenOf('group').map(group => group.text),
        seen: subscription === 'both' || subscription === 'to',
        sees: subscription === 'both' || subscription === 'from',
        asked: item.attribute('ask') === 'subscribe',
      });
      if (subscription === 'both' || subscription === 'from') this.requests.delete(jid);
    }
    this.changes.touch(`person:${jid}`);
  }

  /** A presence that is not a room's. */
  take(stanza: Element): void {
    const from = stanza.attribute('from') ?? this.client.bare;
    const [jid, resource, type] = [bareOf(from), resourceOf(from), stanza.attribute('type')];
    if (type === 'subscribe') {
      this.requests.set(jid, stanza.textOf('status') ?? '');
      this.changes.touch('people');
    } else if (type === 'unavailable') {
      if (resource) this.devices.get(jid)?.delete(resource);
      else this.devices.delete(jid);
    } else if (type === undefined) this.device(jid, resource, stanza);
    this.changes.touch(`person:${jid}`);
  }

  private device(jid: string, resource: string, stanza: Element): void {
    let own = this.devices.get(jid);
    if (!own) this.devices.set(jid, (own = new Map()));
    if (own.size >= RESOURCES_MAX && !own.has(resource)) return;
    own.set(resource, readDevice(stanza));
  }

  /** What somebody does beside: XEP-0108, told by their own server. */
  activity(jid: string, activity: Element | undefined): void {
    const talking = activity?.child('talking', ACTIVITY);
    const show: Show | undefined = talking?.child('on_the_phone') ? 'calling' : activity?.child('working', ACTIVITY)?.child('in_a_meeting') ? 'meeting' : undefined;
    if (show) this.activities.set(jid, show);
    else this.activities.delete(jid);
    this.changes.touch(`person:${jid}`);
  }

  /** Adds somebody, and asks to see what they do. */
  async add(jid: string, name: string, groups: string[] = []): Promise<void> {
    await this.save(jid, name, groups);
    this.client.send(element('presence', CLIENT, { to: jid, type: 'subscribe' }));
  }

  async save(jid: string, name: string, groups: string[]): Promise<void> {
    const item = element('item', ROSTER, { jid, name: name || undefined }, ...groups.map(group => element('group', ROSTER, {}, group)));
    await this.client.iq('set', undefined, element('query', ROSTER, {}, item));
  }

  async remove(jid: string): Promise<void> {
    await this.client.iq('set', undefined, element('query', ROSTER, {}, element('item', ROSTER, { jid, subscription: 'remove' })));
  }

  /** Lets somebody see what we do, or not; a person who may is asked back. */
  answer(jid: string, allowed: boolean): void {
    this.client.send(element('presence', CLIENT, { to: jid, type: allowed ? 'subscribed' : 'unsubscribed' }));
    if (allowed && !this.contacts.get(jid)?.seen) this.client.send(element('presence', CLIENT, { to: jid, type: 'subscribe' }));
    this.requests.delete(jid);
    this.changes.touch('people');
  }
}

const REASONS: Record<string, Show> = { 'on-the-phone': 'calling', 'in-a-meeting': 'meeting', busy: 'busy', 'do-not-disturb': 'dnd', 'out-of-office': 'away' };

function readDevice(stanza: Element): Device {
  const show = stanza.textOf('show');
  const status = (stanza.textOf('status') ?? '').slice(0, STATUS_UNITS_MAX);
  const reason = stanza.child('reason', PRESENCE_REASON);
  const since = Date.parse(reason?.attribute('since') ?? stanza.child('idle', IDLE)?.attribute('since') ?? stanza.child('delay', DELAY)?.attribute('stamp') ?? '');
  const said: Show = show === 'dnd' ? 'dnd' : show === 'away' || show === 'xa' ? 'away' : 'available';
  const phone: Show = said === 'away' && ON_THE_PHONE.test(status) ? 'calling' : said;
  return {
    show: REASONS[reason?.attribute('state') ?? ''] ?? phone,
    status: (phone === 'calling' || reason) && SAID_BY_STATE.test(status) ? '' : status,
    priority: Number(stanza.textOf('priority') ?? 0) || 0,
    since: Number.isNaN(since) ? undefined : since,
    source: reason?.attribute('source'),
  };
}
