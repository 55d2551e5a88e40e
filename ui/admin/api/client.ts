// How the console asks the server: JSON with the session's cookie, the CSRF header on what changes something, and problems in words.

/** Where the administration's interface begins. */
export const BASE = '/api/v1/admin';

/** A page of a list. */
export type Page<T> = { items: T[]; next?: string | null; total: number };

/** What was asked for, with the mark that says which version of it this is. */
export type Tagged<T> = { value: T; etag: string | null };

/** Why the server did not do what was asked (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  /** What to do about it. */
  readonly advice: string;
  /** What is wrong with each field that was sent. */
  readonly fields: Readonly<Record<string, string>>;
  /** The whole document, for problems that carry more. */
  readonly document: Readonly<Record<string, unknown>>;

  constructor(status: number, document: Record<string, unknown>) {
    const text = (name: string) => (typeof document[name] === 'string' ? document[name] : '');
    super(text('detail') || text('title') || `HTTP ${status}`);
    this.status = status;
    this.type = text('type');
    this.title = text('title');
    this.detail = text('detail');
    this.advice = text('advice') || text('next');
    this.fields = fieldsOf(document['errors'] ?? document['fields']);
    this.document = document;
  }
}

/** Field errors come as an object, or as a list of what has a name and says why. */
function fieldsOf(given: unknown): Record<string, string> {
  const fields: Record<string, string> = {};
  if (Array.isArray(given)) {
    for (const entry of given as unknown[]) {
      if (typeof entry !== 'object' || entry === null) continue;
      const { field, pointer, detail, message } = entry as Record<string, unknown>;
      const name = typeof field === 'string' ? field : typeof pointer === 'string' ? pointer.replace(/^[#/]+/, '') : '';
      const why = typeof detail === 'string' ? detail : message;
      if (name && typeof why === 'string') fields[name] = why;
    }
  } else if (typeof given === 'object' && given !== null) {
    for (const [name, why] of Object.entries(given)) if (typeof why === 'string') fields[name] = why;
  }
  return fields;
}

let csrf = '';
let signedOut: () => void = () => undefined;

/** The token that unsafe requests carry; the session says it. */
export function useCsrf(token: string): void {
  csrf = token;
}

/** What happens when the server does not know us any more. */
export function whenSignedOut(act: () => void): void {
  signedOut = act;
}

/** What a request may be given. */
export type Options = {
  body?: unknown;
  /** The version that is to be changed: another one is refused with 412. */
  etag?: string | null;
  signal?: AbortSignal;
  /** A 401 is an answer, not the end of the session. */
  mayBeUnknown?: boolean;
};

async function request(method: string, path: string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json, application/problem+json' };
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (options.signal) init.signal = options.signal;
  if (options.etag) headers['if-match'] = options.etag;
  if (method !== 'GET') headers['x-csrf-token'] = csrf;
  if (options.body instanceof Blob) {
    init.body = options.body;
  } else if (options.body !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(options.body);
  }
  let answer: Response;
  try {
    answer = await fetch(BASE + path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, { type: 'unreachable' });
  }
  if (answer.ok) return answer;
  const problem = new Problem(answer.status, await documentOf(answer));
  if (answer.status === 401 && !options.mayBeUnknown) signedOut();
  throw problem;
}

async function documentOf(answer: Response): Promise<Record<string, unknown>> {
  const text = await answer.text().catch(() => '');
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === 'object' && document !== null) return document as Record<string, unknown>;
  } catch {
    // It is not JSON: a proxy in between has answered.
  }
  return { title: answer.statusText || `HTTP ${answer.status}` };
}

async function bodyOf<T>(answer: Response): Promise<T> {
  if (answer.status === 204 || answer.headers.get('content-length') === '0') return undefined as T;
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** Reads something. */
export async function get<T>(path: string, options: Options = {}): Promise<T> {
  return bodyOf<T>(await request('GET', path, options));
}

/** Reads something that is to be changed. */
export async function getTagged<T>(path: string, options: Options = {}): Promise<Tagged<T>> {
  const answer = await request('GET', path, options);
  return { value: await bodyOf<T>(answer), etag: answer.headers.get('etag') };
}

/** Changes something. */
export async function send<T = void>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options: Options = {}): Promise<T> {
  return bodyOf<T>(await request(method, path, options));
}

/** Changes one thing, whatever version it has now: for acts that a person asks for by name, not by having seen a form. */
export async function change<T = void>(method: 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const { etag } = await getTagged(path);
  return send<T>(method, path, { etag, ...(body === undefined ? {} : { body }) });
}

/** Reads a file. */
export async function file(path: string): Promise<Blob> {
  return (await request('GET', path)).blob();
}

/** An address with what it asks for; what is empty is left out. */
export function withQuery(path: string, query: Record<string, string | number | boolean | null | undefined>): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '' && value !== false) parts.set(name, String(value));
  }
  const text = parts.toString();
  return text ? `${path}${path.includes('?') ? '&' : '?'}${text}` : path;
}

/** All pages of a list, up to so many rows. */
export async function all<T>(path: string, query: Record<string, string | number> = {}, rowsMax = 50_000): Promise<T[]> {
  const rows: T[] = [];
  let after: string | null = null;
  do {
    const page: Page<T> = await get<Page<T>>(withQuery(path, { limit: PAGE_ROWS, ...query, after }));
    rows.push(...page.items);
    after = page.next ?? null;
  } while (after !== null && rows.length < rowsMax);
  return rows;
}

/** Rows that are asked for at once. */
export const PAGE_ROWS = 200;
