// The server's interface over HTTP, in the name of who is signed in: a token by XMPP, problems as errors.

import { element } from './xml.ts';
import type { Client } from './xmpp/client.ts';
import { API } from './xmpp/namespaces.ts';

/** What went wrong, as the server says it (RFC 9457). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly body: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }
}

/** A token is fetched anew when it has less than this left. */
const MARGIN_MILLISECONDS = 60_000;

type Kept = { token: string; until: number; of: string };

/** The interface for one XMPP session. */
export class Api {
  private kept: Promise<Kept> | undefined;

  constructor(
    private readonly client: Client,
    private readonly fetch: typeof globalThis.fetch = (...given) => globalThis.fetch(...given),
    private readonly now: () => number = Date.now,
  ) {}

  /** A token for this session, as long as it is good. */
  async token(): Promise<string> {
    const kept = await this.kept?.catch(() => undefined);
    if (kept && kept.until - MARGIN_MILLISECONDS > this.now() && kept.of === this.client.bare) return kept.token;
    this.kept = this.fetchToken();
    return (await this.kept).token;
  }

  private async fetchToken(): Promise<Kept> {
    const answer = (await this.client.iq('get', this.client.domain, element('token', API))).child('token', API);
    const token = answer?.attribute('token') ?? answer?.text.trim();
    if (!token) throw new ApiError(0, 'The server gave no token', '');
    const expiry = Date.parse(answer?.attribute('expires') ?? answer?.attribute('expiry') ?? '');
    return { token, until: Number.isNaN(expiry) ? this.now() + 5 * MARGIN_MILLISECONDS : expiry, of: this.client.bare };
  }

  /** Asks `/api/v1` + path; JSON in and out. A problem is an ApiError. */
  async call<T = unknown>(path: string, init: Omit<RequestInit, 'body'> & { json?: unknown; body?: BodyInit } = {}): Promise<T> {
    const { json, ...rest } = init;
    const headers = new Headers(rest.headers);
    headers.set('Authorization', `Bearer ${await this.token()}`);
    if (json !== undefined) headers.set('Content-Type', 'application/json');
    const body = json === undefined ? rest.body : JSON.stringify(json);
    const answer = await this.fetch(`/api/v1${path}`, { credentials: 'omit', ...rest, headers, ...(body === undefined ? {} : { body }) });
    if (answer.status === 401) this.kept = undefined;
    if (!answer.ok) throw await problem(answer);
    if (answer.status === 204) return undefined as T;
    const kind = answer.headers.get('Content-Type') ?? '';
    return (kind.includes('json') ? await answer.json() : await answer.text()) as T;
  }
}

async function problem(answer: Response): Promise<ApiError> {
  const read: unknown = await answer.json().catch(() => ({}));
  const body = typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {};
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : '');
  return new ApiError(answer.status, text('title') || `HTTP ${answer.status}`, text('detail'), body);
}
