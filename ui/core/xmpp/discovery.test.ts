import { expect, it } from 'vitest';
import { type Fetch, type Step, discover } from './discovery.ts';

const json = (...links: [string, string][]) => JSON.stringify({ links: links.map(([rel, href]) => ({ rel, href })) });
const WS = 'urn:xmpp:alt-connections:websocket';

function server(pages: Record<string, string>): Fetch {
  return async address => ({ ok: address in pages, status: address in pages ? 200 : 404, text: async () => pages[address] ?? '' });
}

async function all(domain: string, page: string, fetch: Fetch): Promise<{ found: string[]; steps: Step[] }> {
  let steps: Step[] = [];
  const found: string[] = [];
  for await (const address of discover(domain, new URL(page), fetch, now => (steps = now))) found.push(address);
  return { found, steps };
}

it('asks the page own host first when it is that of the domain', async () => {
  const fetch = server({ 'http://localhost:8080/.well-known/host-meta.json': json(['x', 'y'], [WS, 'ws://localhost:8080/ws']) });
  const { found } = await all('localhost', 'http://localhost:8080/', fetch);
  expect(found).toEqual(['ws://localhost:8080/ws']);
});

it('asks the domain, by JSON and by XML, and then the server of the page', async () => {
  const xml = `<?xml version='1.0'?><XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'><Link rel='${WS}' href='wss://b.example.org/ws'/></XRD>`;
  const fetch = server({
    'https://example.org/.well-known/host-meta': xml,
    'https://chat.example.net/.well-known/host-meta.json': json([WS, 'wss://chat.example.net/ws']),
  });
  const { found, steps } = await all('example.org', 'https://chat.example.net/chats', fetch);
  expect(found).toEqual(['wss://b.example.org/ws', 'wss://chat.example.net/ws']);
  expect(steps.map(step => [step.what, step.state])).toEqual([['host-meta.json', 'failed'], ['host-meta', 'failed'], ['this-server', 'failed']]);
  expect(steps[0]?.detail).toBe('404');
});

it('opens nothing insecure from a secure page, and nothing that is no WebSocket', async () => {
  const links = json([WS, 'ws://example.org/ws'], [WS, 'https://example.org/'], [WS, 'javascript:0'], [WS, '::']);
  const { found, steps } = await all('example.org', 'https://example.org/', server({ 'https://example.org/.well-known/host-meta.json': links }));
  expect(found).toEqual([]);
  expect(steps[0]?.state).toBe('failed');
});

it('survives answers that are no answers', async () => {
  for (const text of ['', 'null', '[]', '{"links":3}', '{"links":[null,3]}', '<a']) {
    const { found } = await all('example.org', 'https://example.org/', server({ 'https://example.org/.well-known/host-meta.json': text }));
    expect(found).toEqual([]);
  }
});
