// Which language the page speaks, and how a text is found: by a key that the compiler knows.

import { createSignal } from 'solid-js';

/** The languages that are complete. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;

/** What stands in the places of a text. */
export type Places = Record<string, string | number>;
type Dictionary = Record<string, string>;

const KEY = 'carillon-language';

function initial(): Language {
  const chosen = globalThis.localStorage?.getItem(KEY);
  const wanted = chosen ? [chosen] : (globalThis.navigator?.languages ?? ['en']);
  const known = wanted.map(tag => tag.slice(0, 2)).find((tag): tag is Language => tag in LANGUAGES);
  return known ?? 'en';
}

const [language, setSignal] = createSignal<Language>(initial());
export { language };

/** Speaks another language from now on, also after a reload. */
export function setLanguage(next: Language): void {
  globalThis.localStorage?.setItem(KEY, next);
  setSignal(next);
  if (globalThis.document) document.documentElement.lang = next;
}

/** Fills `{name}` in a text. */
export function fill(text: string, places: Places = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in places ? String(places[name]) : whole));
}

/**
 * The texts of one part of the page. English is the key's source of truth; a language that lacks a key does not compile.
 * A key with `{count}` may have a sibling `key.one`.
 */
export function translator<D extends Dictionary>(words: Record<Language, { [K in keyof D]: string }>) {
  return (key: keyof D & string, places?: Places): string => {
    const texts = words[language()] as Dictionary;
    const single = places?.['count'] === 1 ? texts[`${key}.one`] : undefined;
    return fill(single ?? texts[key] ?? key, places);
  };
}

/** Dates and times as people of this language write them. */
export function formatTime(at: Date | number, options: Intl.DateTimeFormatOptions): string {
  const key = `${language()} ${JSON.stringify(options)}`;
  let format = formats.get(key);
  // Making one takes longer than a hundred uses of it.
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat(language(), options)));
  return format.format(at);
}
const formats = new Map<string, Intl.DateTimeFormat>();
