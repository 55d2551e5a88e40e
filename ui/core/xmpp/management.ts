// Stream management (XEP-0198) without a socket: what was sent and not yet acknowledged, what was handled, what a resumption repeats.

import { type Element, element } from '../xml.ts';
import { MANAGEMENT } from './namespaces.ts';

const COUNTER = 2 ** 32;
/** After so many stanzas an acknowledgement is asked for at once. */
const ASK_AFTER = 5;

type Waiting = { stanza: Element; acknowledged: (() => void) | undefined };

/** The counters and the queue of one session, which may live longer than its stream. */
export class Management {
  /** The id by which the session can be resumed. */
  id: string | null = null;
  private handled = 0;
  private acknowledged = 0;
  private waiting: Waiting[] = [];
  private asked = 0;

  /** A new session has begun. What still waited is handed back: the caller knows whether to send it again. */
  begin(id: string | null): Element[] {
    const lost = this.waiting.map(one => one.stanza);
    [this.id, this.handled, this.acknowledged, this.asked, this.waiting] = [id, 0, 0, 0, []];
    return lost;
  }

  /** `acknowledged` is called when the server has taken responsibility for the stanza. True: it is time to ask. */
  sent(stanza: Element, acknowledged?: () => void): boolean {
    this.waiting.push({ stanza, acknowledged });
    if (this.waiting.length - this.asked < ASK_AFTER) return false;
    this.asked = this.waiting.length;
    return true;
  }

  received(): void {
    this.handled = (this.handled + 1) % COUNTER;
  }

  get h(): number {
    return this.handled;
  }

  get unacknowledged(): number {
    return this.waiting.length;
  }

  answer(): Element {
    return element('a', MANAGEMENT, { h: this.handled });
  }

  /** The server has handled so many; false when it counts more than there were. */
  settle(h: string | undefined): boolean {
    const count = (Number(h) - this.acknowledged + COUNTER) % COUNTER;
    if (!Number.isInteger(count) || count > this.waiting.length) return false;
    const settled = this.waiting.splice(0, count);
    this.acknowledged = (this.acknowledged + count) % COUNTER;
    this.asked = Math.max(0, this.asked - count);
    for (const one of settled) one.acknowledged?.();
    return true;
  }

  resume(): Element | undefined {
    return this.id === null ? undefined : element('resume', MANAGEMENT, { previd: this.id, h: this.handled });
  }

  /** The session goes on: what the server has not seen is to be sent again, in order. */
  resumed(h: string | undefined): Element[] | null {
    if (!this.settle(h)) return null;
    this.asked = this.waiting.length;
    return this.waiting.map(one => one.stanza);
  }
}
