// Files of one's own server come through the page's own origin, whatever name and port the server gives itself.

const UPLOADS = '/upload/';

/** The address under which this page reaches a file. */
export function reach(address: string, page: { origin: string; hostname: string } = location): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  return url.hostname === page.hostname && url.pathname.startsWith(UPLOADS) ? `${page.origin}${url.pathname}${url.search}` : address;
}
