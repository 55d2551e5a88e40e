// A message's text in pieces: words, and links that may be followed. Nothing of it ever becomes markup.

export type Piece = { kind: 'text'; text: string } | { kind: 'link'; text: string; href: string; host: string } | { kind: 'mention'; text: string };

const LINK = /\b(?:https?:\/\/|xmpp:|tel:|mailto:|sip:)[^\s<>"'\u202a-\u202e\u2066-\u2069]+/giu;
const SCHEMES = new Set(['http:', 'https:', 'xmpp:', 'tel:', 'mailto:', 'sip:']);
const LINKS_MAX = 200;
/** What hides or turns the order of text; shown as what it is. */
const HIDDEN = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/gu;
const TRAILING = /[.,;:!?)\]}'"»”]+$/u;

/** Finds the links in a text; those of other schemes stay words. */
export function pieces(text: string, mention?: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    if (found.length > LINKS_MAX) break;
    const written = trimmed(match[0]);
    const link = linkOf(written);
    if (!link) continue;
    words(found, text.slice(at, match.index), mention);
    found.push(link);
    at = match.index + written.length;
  }
  words(found, text.slice(at), mention);
  return found;
}

/** A closing bracket belongs to the link only when it was opened there. */
function trimmed(link: string): string {
  const tail = TRAILING.exec(link)?.[0] ?? '';
  const cut = link.slice(0, link.length - tail.length);
  return tail.startsWith(')') && cut.includes('(') ? `${cut})` : cut;
}

function linkOf(written: string): Piece | null {
  if (!URL.canParse(written)) return null;
  const url = new URL(written);
  if (!SCHEMES.has(url.protocol)) return null;
  // The name as the network knows it: a host of look-alike letters shows as xn--.
  return { kind: 'link', text: written, href: url.href, host: url.host || url.pathname };
}

function words(found: Piece[], text: string, mention: string | undefined): void {
  if (!text) return;
  if (!mention) {
    found.push({ kind: 'text', text });
    return;
  }
  const at = text.toLowerCase().indexOf(mention.toLowerCase());
  if (at < 0) {
    found.push({ kind: 'text', text });
    return;
  }
  if (at > 0) found.push({ kind: 'text', text: text.slice(0, at) });
  found.push({ kind: 'mention', text: text.slice(at, at + mention.length) });
  if (at + mention.length < text.length) found.push({ kind: 'text', text: text.slice(at + mention.length) });
}

/** Text without what turns its order: for names and titles, which stand among other words. */
export function plain(text: string): string {
  return text.replace(HIDDEN, '');
}

/** Up to three emojis and nothing else are shown large. */
export function isLarge(text: string): boolean {
  const trimmedText = text.trim();
  if (!trimmedText || trimmedText.length > 24) return false;
  if (!/^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f)+$/u.test(trimmedText)) return false;
  return [...new Intl.Segmenter().segment(trimmedText)].length <= 3;
}

/** So many bytes in words. */
export function bytes(count: number, language: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const step = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log10(count) / 3) : 0);
  return new Intl.NumberFormat(language, { style: 'unit', unit: units[step] ?? 'byte', maximumFractionDigits: step > 0 ? 1 : 0 }).format(count / 1000 ** step);
}
