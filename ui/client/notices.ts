// Notices of the browser: who wrote, when nobody looks at the page.

import { createEffect, createRoot, createSignal } from 'solid-js';
import type { Notable } from '../core/im/messenger.ts';
import { go } from '../kit/route.ts';
import { previewOf } from './chat/list.tsx';
import { chatPath } from './chat/path.ts';
import { messenger } from './im.ts';
import { plain } from './text.ts';
import { t } from './words-settings.ts';

const KEY = 'carillon-notices';
export type NoticeChoice = { on: boolean; words: boolean };

function read(): NoticeChoice {
  try {
    return { on: true, words: true, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<NoticeChoice>) };
  } catch {
    return { on: true, words: true };
  }
}

const [choice, setSignal] = createSignal(read());
const [permission, setPermission] = createSignal(globalThis.Notification?.permission ?? 'denied');
export { choice as noticeChoice, permission as noticePermission };

export function setNoticeChoice(change: Partial<NoticeChoice>): void {
  const next = { ...choice(), ...change };
  localStorage.setItem(KEY, JSON.stringify(next));
  setSignal(next);
}

export const noticesAllowed = (): boolean => permission() === 'granted';

/** The browser asks; only after somebody pressed a button that says so. */
export async function askForNotices(): Promise<void> {
  setPermission(await Notification.requestPermission());
}

function show({ chat, message }: Notable): void {
  if (!choice().on || !noticesAllowed() || (!document.hidden && document.hasFocus())) return;
  if (chat.muted && !message.mention) return;
  const im = messenger();
  const title = plain(im?.titleOf(chat.jid) ?? chat.jid);
  const notice = new Notification(title, { body: choice().words ? previewOf(chat) : t('newMessage'), tag: chat.jid, icon: '/icon.svg' });
  notice.addEventListener('click', () => {
    focus();
    go(chatPath(chat.jid));
    notice.close();
  });
}

/** Shows notices of whoever is signed in, and the number of unread messages in the title. */
export function beginNotices(): void {
  createRoot(() => {
    createEffect(() => {
      const im = messenger();
      if (im) im.notable = show;
    });
    createEffect(() => {
      const unread = messenger()?.chats.unread() ?? 0;
      document.title = unread > 0 ? `(${unread}) Carillon` : 'Carillon';
    });
  });
}
