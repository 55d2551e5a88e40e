// Where a domain's server can be reached from a page: host-meta (XEP-0156), asked step by step, so that a failure can be explained.

import { parse } from '../xml.ts';

/** What was tried, in order; a failed step says why. */
export type Step = { what: 'host-meta.json' | 'host-meta' | 'this-server'; address: string; state: 'running' | 'found' | 'failed'; detail?: string };
export type Fetch = (address: string) => Promise<{ ok: boolean; status: number; text(): Promise<string> }>;

const RELATION = 'urn:xmpp:alt-connections:websocket';
const XRD = 'http://docs.oasis-open.org/ns/xri/xrd-1.0';
const ANSWER_UNITS_MAX = 65536;

type Place = { what: Step['what']; address: string };

function places(domain: string, page: URL): Place[] {
  const own = { what: 'this-server', address: `${page.origin}/.well-known/host-meta.json` } as const;
  const said = [
    { what: 'host-meta.json', address: `https://${domain}/.well-known/host-meta.json` },
    { what: 'host-meta', address: `https://${domain}/.well-known/host-meta` },
  ] as const;
  // A page that comes from the domain's own host needs not ask elsewhere.
  return page.hostname === domain ? [own, ...said] : [...said, own];
}

/** The addresses of WebSockets of that domain, the best first, as each is found. */
export async function* discover(domain: string, page: URL, fetch: Fetch, told: (steps: Step[]) => void): AsyncGenerator<string> {
  const steps: Step[] = [];
  const seen = new Set<string>();
  for (const place of places(domain, page)) {
    const step: Step = { ...place, state: 'running' };
    steps.push(step);
    told([...steps]);
    const found: string[] = [];
    try {
      const answer = await fetch(place.address);
      if (!answer.ok) throw new Error(String(answer.status));
      const text = (await answer.text()).slice(0, ANSWER_UNITS_MAX);
      found.push(...linksOf(place.what === 'host-meta' ? linksOfXml(text) : linksOfJson(text), page));
      if (found.length === 0) throw new Error('no websocket');
      Object.assign(step, { state: 'found', detail: found.join(' ') });
    } catch (error) {
      Object.assign(step, { state: 'failed', detail: error instanceof Error ? error.message : String(error) });
    }
    told([...steps]);
    for (const address of found) {
      if (seen.has(address)) continue;
      seen.add(address);
      yield address;
      // Asked for another one: this one did not do.
      Object.assign(step, { state: 'failed', detail: `${address}` });
      told([...steps]);
    }
  }
}

function linksOfJson(text: string): { rel: unknown; href: unknown }[] {
  const read: unknown = JSON.parse(text);
  const links = typeof read === 'object' && read !== null && 'links' in read ? read.links : [];
  return Array.isArray(links) ? links.filter(link => typeof link === 'object' && link !== null) : [];
}

function linksOfXml(text: string): { rel: unknown; href: unknown }[] {
  const root = parse(text.replace(/^\s*<\?xml[^>]*\?>/, ''));
  return root.childrenOf('Link', XRD).map(link => ({ rel: link.attribute('rel'), href: link.attribute('href') }));
}

function linksOf(links: { rel: unknown; href: unknown }[], page: URL): string[] {
  const addresses = links.filter(link => link.rel === RELATION).map(link => String(link.href));
  // A page that came by TLS opens nothing without it.
  const schemes = page.protocol === 'https:' ? ['wss:'] : ['wss:', 'ws:'];
  return addresses.filter(address => URL.canParse(address) && schemes.includes(new URL(address).protocol)).map(address => sameOrigin(address, page));
}

/** A server that is behind this page's own origin is reached through it, whatever name it gives itself there. */
function sameOrigin(address: string, page: URL): string {
  const url = new URL(address);
  return url.host === page.host ? `${page.protocol === 'https:' ? 'wss:' : 'ws:'}//${page.host}${url.pathname}` : address;
}
