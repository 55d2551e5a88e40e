// The calls in a window of their own that stays in sight: picture-in-picture where the browser has it, else a small window.

import { type JSX, createSignal } from 'solid-js';
import { delegateEvents, render } from 'solid-js/web';
import { t } from '../words-calls.ts';

const WIDTH = 460;
const HEIGHT = 260;

type Pip = { requestWindow(options: { width: number; height: number }): Promise<Window> };
const pip = () => (globalThis as { documentPictureInPicture?: Pip }).documentPictureInPicture;

const [out, setOut] = createSignal<Window | null>(null);

/** Are the calls in a window of their own? */
export const isOut = () => out() !== null;

export const canPopOut = () => pip() !== undefined || typeof globalThis.open === 'function';

/** Moves the calls there; when the window is closed they are back in the page. */
export async function popOut(what: () => JSX.Element): Promise<void> {
  if (out()) return out()?.focus();
  const window = (await pip()?.requestWindow({ width: WIDTH, height: HEIGHT })) ?? open('', 'carillon-calls', `popup,width=${WIDTH},height=${HEIGHT}`);
  if (!window) return;
  const { document: there } = window;
  there.title = t('bar');
  there.documentElement.lang = document.documentElement.lang;
  Object.assign(there.documentElement.dataset, document.documentElement.dataset);
  there.adoptedStyleSheets = looks(window);
  there.body.replaceChildren();
  there.body.className = 'call-window';
  // Solid hears these at the document, and this is another one.
  delegateEvents(['click', 'input', 'change', 'keydown', 'pointerdown', 'focusin', 'focusout'], there);
  const dispose = render(what, there.body);
  window.addEventListener('pagehide', () => {
    dispose();
    setOut(null);
  });
  setOut(window);
}

/** The looks of this page for another window, which loads no style sheets of its own: made there, rule by rule. */
function looks(window: Window): CSSStyleSheet[] {
  const { CSSStyleSheet: Sheet } = window as Window & { CSSStyleSheet: typeof CSSStyleSheet };
  return [...document.styleSheets].map(one => {
    const sheet = new Sheet();
    sheet.replaceSync([...one.cssRules].map(rule => rule.cssText).join('\n'));
    return sheet;
  });
}

/** The calls are back in the page. */
export function closeWindow(): void {
  out()?.close();
}
