// The server's history (XEP-0313), page by page, and the search in it (XEP-0431).

import { element, type Element } from '../xml.ts';
import type { Client } from '../xmpp/client.ts';
import { ARCHIVE, CLIENT, DELAY, FORMS, FORWARD, FULL_TEXT, RESULT_SETS } from '../xmpp/namespaces.ts';

export type ArchiveQuery = {
  /** A room's archive; without it, one's own. */
  room?: string | undefined;
  with?: string | undefined;
  before?: string | undefined;
  after?: string | undefined;
  words?: string | undefined;
  limit: number;
};

export type Archived = { archive: string; at: number; stanza: Element };
export type ArchivePage = { messages: Archived[]; complete: boolean; first?: string | undefined; last?: string | undefined };

const PAGE_MILLISECONDS = 60_000;

/** Reads one page. Its messages come as stanzas before the answer does; they are caught here and nobody else sees them. */
export class Archive {
  private readonly running = new Map<string, { from: string; messages: Archived[] }>();

  constructor(private readonly client: Client) {}

  /** True when the stanza was a piece of a page. */
  catch(stanza: Element): boolean {
    const piece = stanza.child('result', ARCHIVE);
    if (!piece) return false;
    const query = this.running.get(piece.attribute('queryid') ?? '');
    const from = stanza.attribute('from') ?? this.client.bare;
    // Whoever was not asked tells no history.
    if (!query || from !== query.from) return true;
    const forwarded = piece.child('forwarded', FORWARD);
    const message = forwarded?.child('message', CLIENT);
    const at = Date.parse(forwarded?.child('delay', DELAY)?.attribute('stamp') ?? '');
    if (message && !Number.isNaN(at)) query.messages.push({ archive: piece.attribute('id') ?? '', at, stanza: message });
    return true;
  }

  async page(query: ArchiveQuery): Promise<ArchivePage> {
    const id = this.client.id();
    const running = { from: query.room ?? this.client.bare, messages: [] };
    this.running.set(id, running);
    try {
      const answer = await this.client.iq('set', query.room, request(id, query), { timeout: PAGE_MILLISECONDS });
      const end = answer.child('fin', ARCHIVE);
      const set = end?.child('set', RESULT_SETS);
      return { messages: running.messages, complete: end?.attribute('complete') === 'true', first: set?.textOf('first'), last: set?.textOf('last') };
    } finally {
      this.running.delete(id);
    }
  }
}

const field = (name: string, value: string | undefined) => value !== undefined && element('field', FORMS, { var: name }, element('value', FORMS, {}, value));

function request(id: string, query: ArchiveQuery): Element {
  return element(
    'query',
    ARCHIVE,
    { queryid: id },
    element(
      'x',
      FORMS,
      { type: 'submit' },
      element('field', FORMS, { var: 'FORM_TYPE', type: 'hidden' }, element('value', FORMS, {}, ARCHIVE)),
      field('with', query.with),
      field(`{${FULL_TEXT}}fulltext`, query.words),
    ),
    element(
      'set',
      RESULT_SETS,
      {},
      element('max', RESULT_SETS, {}, String(query.limit)),
      query.before !== undefined && element('before', RESULT_SETS, {}, query.before),
      query.after !== undefined && element('after', RESULT_SETS, {}, query.after),
    ),
  );
}
