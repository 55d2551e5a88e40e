// A few emojis to choose from.

import { For, createSignal, onCleanup } from 'solid-js';
import { IconButton } from '../../kit/controls.tsx';
import { t } from '../words-chat.ts';

export const QUICK = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '✅'];
const EMOJIS = [...QUICK, ...'😀 😅 🙂 😉 😊 😍 😎 🤔 🤷 😴 😬 😡 👎 👏 🙌 💪 👀 👋 🤝 ☎️ 📅 📎 📌 ✏️ 💡 🔥 ⭐ ⏳ ⚠️ ❌ ❓ ☕ 🍰 🌞 🚀 🎂'.split(' ')];
const COLUMNS = 8;

/** A button that opens the emojis; arrows move, Escape closes. */
export function EmojiButton(props: { onChoose: (emoji: string) => void }) {
  const [open, setOpen] = createSignal(false);
  let place!: HTMLDivElement;
  const outside = (event: Event) => !place.contains(event.target as Node) && setOpen(false);
  document.addEventListener('pointerdown', outside, { capture: true });
  onCleanup(() => document.removeEventListener('pointerdown', outside, { capture: true }));
  const close = () => {
    setOpen(false);
    place.querySelector('button')?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (!open()) return;
    const all = [...place.querySelectorAll<HTMLElement>('.emojis button')];
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (event.key === 'Escape') close();
    else if (step !== undefined) all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement as HTMLElement) + step))]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="emoji-button" ref={place} onKeyDown={keys}>
      <IconButton
        icon="smile"
        label={t('emoji')}
        aria-expanded={open()}
        onClick={() => {
          setOpen(!open());
          queueMicrotask(() => place.querySelector<HTMLElement>('.emojis button')?.focus());
        }}
      />
      <div class="emojis" role="group" aria-label={t('emoji')} hidden={!open()}>
        <For each={EMOJIS}>
          {emoji => (
            <button
              type="button"
              onClick={() => {
                props.onChoose(emoji);
                close();
              }}
            >
              {emoji}
            </button>
          )}
        </For>
      </div>
    </div>
  );
}
