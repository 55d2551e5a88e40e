// What a person types to be dialled: digits, letters as on the keys of a telephone, names, links.

/** The keys of a telephone and the letters on them (ITU-T E.161). */
export const KEYS = [
  ['1', ''],
  ['2', 'abc'],
  ['3', 'def'],
  ['4', 'ghi'],
  ['5', 'jkl'],
  ['6', 'mno'],
  ['7', 'pqrs'],
  ['8', 'tuv'],
  ['9', 'wxyz'],
  ['*', ''],
  ['0', '+'],
  ['#', ''],
] as const;

/** A target of more bytes than this is refused by the server. */
export const TARGET_BYTES_MAX = 256;

const DIGIT_OF = new Map(KEYS.flatMap(([digit, letters]) => [...letters].filter(letter => letter !== '+').map(letter => [letter, digit] as const)));

/** What was typed. */
export type Typed =
  | { kind: 'nothing' }
  /** Digits, as they will be dialled. */
  | { kind: 'number'; number: string }
  /** A number with letters: what the keys make of it, and the same as a name. */
  | { kind: 'vanity'; number: string; name: string }
  /** A name: to be looked for. */
  | { kind: 'name'; name: string }
  /** An address with a domain. */
  | { kind: 'address'; address: string };

/** The digits on whose keys these letters stand: `CALL` is 2255. */
export function digitsOf(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  return [...plain].map(character => DIGIT_OF.get(character) ?? character).join('');
}

/** Without what people write between the digits of a number. */
export function bare(text: string): string {
  return text.replace(/\(0\)/g, '').replace(/[\s().\-/\u00a0\u2010-\u2013]/g, '');
}

/** The target of a `tel:`, `sip:`, `sips:`, `callto:` or `ciscotel:` link, or null. */
export function targetOfLink(link: string): string | null {
  const found = /^(tel|sips?|callto|ciscotel):(?:\/\/)?([^?;]+)/i.exec(link.trim());
  if (!found) return null;
  let target: string;
  try {
    target = decodeURIComponent(found[2] ?? '');
  } catch {
    return null;
  }
  return new TextEncoder().encode(target).length <= TARGET_BYTES_MAX && target !== '' ? target : null;
}

/** What was typed: a number, one with letters in it, a name, an address. */
export function read(text: string): Typed {
  const typed = (targetOfLink(text) ?? text).trim();
  if (typed === '') return { kind: 'nothing' };
  if (/^[^\s@]+@[^\s@]+$/.test(typed)) return { kind: 'address', address: typed };
  const number = bare(typed);
  if (/^\+?[0-9*#]+$/.test(number)) return { kind: 'number', number };
  // 1-800-FLOWERS, 0800 CALL NOW: digits first, then letters that a key bears.
  if (/^\+?[0-9*#]+[0-9*#A-Za-z]*$/.test(number)) return { kind: 'vanity', number: digitsOf(number), name: typed };
  return { kind: 'name', name: typed };
}

/** What is dialled for it, as long as no person was chosen. */
export function dialled(typed: Typed): string {
  switch (typed.kind) {
    case 'number':
    case 'vanity':
      return typed.number;
    case 'address':
      return typed.address;
    case 'name':
      return typed.name;
    default:
      return '';
  }
}

/** Does a name or a number fit what was typed, by its words or by the keys on which its letters stand? */
export function fits(typed: string, name: string, number: string): boolean {
  const wanted = typed.trim().toLowerCase();
  if (wanted === '') return true;
  if (bare(number).includes(bare(wanted)) && bare(wanted) !== '') return true;
  const words = name.toLowerCase().split(/[\s._@-]+/u);
  if (wanted.split(/\s+/u).every(part => words.some(word => word.startsWith(part)))) return true;
  return /^[2-9]+$/.test(wanted) && words.some(word => digitsOf(word).startsWith(wanted));
}
