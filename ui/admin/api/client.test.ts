// How the console asks the server.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Problem, all, change, get, send, useCsrf, whenSignedOut, withQuery } from './client.ts';

type Call = { url: string; method: string; headers: Record<string, string>; body: string | undefined };
let calls: Call[] = [];
let answers: (() => Response | Promise<Response>)[] = [];

const json = (body: unknown, init: ResponseInit = {}) => () => new Response(JSON.stringify(body), { status: 200, ...init });

beforeEach(() => {
  calls = [];
  answers = [];
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    calls.push({ url, method: init.method ?? '', headers: init.headers as Record<string, string>, body: init.body as string | undefined });
    const answer = answers.shift();
    return answer ? Promise.resolve().then(answer) : Promise.reject(new TypeError('no network'));
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  whenSignedOut(() => undefined);
});

test('what changes something carries the token of the session and what only reads does not', async () => {
  useCsrf('token-1');
  answers = [json({}), json({})];
  await get('/users');
  await send('POST', '/users', { body: { jid: 'ann@localhost' } });
  expect(calls[0]?.headers['x-csrf-token']).toBeUndefined();
  expect(calls[1]?.headers['x-csrf-token']).toBe('token-1');
  expect(calls[1]?.body).toBe('{"jid":"ann@localhost"}');
});

test('a change by name is made to the version that was just read', async () => {
  answers = [json({ enabled: true }, { headers: { etag: '"v1"' } }), () => new Response(null, { status: 204 })];
  await change('PATCH', '/users/ann', { enabled: false });
  expect(calls.map(call => call.method)).toEqual(['GET', 'PATCH']);
  expect(calls[1]?.headers['if-match']).toBe('"v1"');
});

test('a problem keeps its words, its advice and its fields', async () => {
  answers = [json({ type: 'urn:carillon:problem:invalid', title: 'T', detail: 'D', next: 'N', errors: [{ field: 'name', message: 'too long' }] }, { status: 422 })];
  const problem = await get('/users').then(() => undefined, (error: unknown) => error as Problem);
  expect(problem).toBeInstanceOf(Problem);
  expect([problem?.status, problem?.detail, problem?.advice]).toEqual([422, 'D', 'N']);
  expect(problem?.fields).toEqual({ name: 'too long' });
});

test('what a proxy says in HTML is a problem, too', async () => {
  answers = [() => new Response('<html>', { status: 502, statusText: 'Bad Gateway' })];
  await expect(get('/users')).rejects.toMatchObject({ status: 502, title: 'Bad Gateway' });
});

test('a server that is away is a problem without status', async () => {
  await expect(get('/users')).rejects.toMatchObject({ status: 0, type: 'unreachable' });
});

test('a 401 ends the session, but not while it is asked for', async () => {
  const ended = vi.fn<() => void>();
  whenSignedOut(ended);
  answers = [json({}, { status: 401 }), json({}, { status: 401 })];
  await expect(get('/session', { mayBeUnknown: true })).rejects.toBeInstanceOf(Problem);
  expect(ended).not.toHaveBeenCalled();
  await expect(get('/users')).rejects.toBeInstanceOf(Problem);
  expect(ended).toHaveBeenCalledOnce();
});

test('all pages of a list are read, each behind the one before', async () => {
  answers = [json({ items: [1, 2], next: 'b', total: 3 }), json({ items: [3], next: null, total: 3 })];
  expect(await all<number>('/users')).toEqual([1, 2, 3]);
  expect(calls[1]?.url).toContain('after=b');
});

test('what is empty is not asked for', () => {
  expect(withQuery('/calls', { user: '', live: false, limit: 5, q: 'a b' })).toBe('/calls?limit=5&q=a+b');
  expect(withQuery('/calls', { q: null })).toBe('/calls');
  expect(withQuery('/calls?live=true', { limit: 5 })).toBe('/calls?live=true&limit=5');
});
