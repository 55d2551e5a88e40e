// One's own status: what others see, until when, and whether they learn that we read and type.

import { type Element, element } from '../xml.ts';
import { type Signal, signal } from '../signal.ts';
import type { Client } from '../xmpp/client.ts';
import { CLIENT } from '../xmpp/namespaces.ts';
import type { Cache } from './cache.ts';
import { capabilities } from './capabilities.ts';

export type OwnShow = 'available' | 'away' | 'busy' | 'dnd' | 'hidden';
export type OwnStatus = { show: OwnShow; text: string; until?: number | undefined };
export type Privacy = { receipts: boolean; typing: boolean };

const SHOWS: Record<OwnShow, string | undefined> = { available: undefined, away: 'away', busy: 'dnd', dnd: 'dnd', hidden: undefined };
const BUSY_TEXT = 'Busy';

export class Status {
  readonly own: Signal<OwnStatus> = signal<OwnStatus>({ show: 'available', text: '' });
  readonly privacy: Signal<Privacy> = signal<Privacy>({ receipts: true, typing: true });
  private ends: ReturnType<typeof setTimeout> | undefined;
  private caps: Element | undefined;

  constructor(
    private readonly client: Client,
    private readonly cache: Cache,
    private readonly rooms: () => { jid: string; nick: string }[],
  ) {}

  async load(): Promise<void> {
    const kept = await this.cache.fact<OwnStatus>('status');
    if (kept && (kept.until ?? Infinity) > Date.now()) this.own.set(kept);
    this.privacy.set((await this.cache.fact<Privacy>('privacy')) ?? this.privacy());
    this.planEnd();
  }

  async setPrivacy(privacy: Privacy): Promise<void> {
    this.privacy.set(privacy);
    await this.cache.putFact('privacy', privacy);
  }

  async set(status: OwnStatus): Promise<void> {
    this.own.set(status);
    this.planEnd();
    await this.announce();
    await this.cache.putFact('status', status);
  }

  /** A status with an end becomes the usual one then. */
  private planEnd(): void {
    clearTimeout(this.ends);
    const { until } = this.own();
    if (until !== undefined) this.ends = setTimeout(() => void this.set({ show: 'available', text: '' }), Math.min(until - Date.now(), 2 ** 31 - 1));
  }

  /** Tells everybody, the rooms too. */
  async announce(): Promise<void> {
    this.caps ??= await capabilities();
    const { show } = this.own();
    this.client.send(this.presence(show === 'hidden' ? { type: 'unavailable' } : {}));
    if (show !== 'hidden') for (const room of this.rooms()) this.client.send(this.presence({ to: `${room.jid}/${room.nick}` }));
  }

  private presence(head: Record<string, string>): Element {
    const { show, text } = this.own();
    const said = SHOWS[show];
    const status = text || (show === 'busy' ? BUSY_TEXT : '');
    return element('presence', CLIENT, head, said ? element('show', CLIENT, {}, said) : null, status ? element('status', CLIENT, {}, status) : null, this.caps);
  }
}
