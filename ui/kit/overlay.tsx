// What lies over the page: dialogs, short notices, menus.

import { For, type JSX, Show, createSignal, createUniqueId, onCleanup, onMount } from 'solid-js';
import { IconButton } from './controls.tsx';
import type { IconName } from './icons.tsx';
import { Icon } from './icons.tsx';
import { words } from './words.ts';
import './overlay.css';

type DialogProps = { title: string; onClose: () => void; children: JSX.Element; foot?: JSX.Element; wide?: boolean };

/** A dialog: holds the focus, closes by Escape, gives the focus back. */
export function Dialog(props: DialogProps) {
  const id = createUniqueId();
  let element!: HTMLDialogElement;
  const before = document.activeElement;
  onMount(() => element.showModal());
  onCleanup(() => {
    element.close();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  return (
    <dialog
      ref={element}
      class="dialog"
      classList={{ wide: props.wide }}
      aria-labelledby={id}
      onCancel={event => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={event => event.target === element && props.onClose()}
    >
      <div class="dialog-body">
        <header>
          <h2 id={id}>{props.title}</h2>
          <IconButton icon="close" label={words('close')} onClick={() => props.onClose()} />
        </header>
        <div class="dialog-content">{props.children}</div>
        <Show when={props.foot}>
          <footer>{props.foot}</footer>
        </Show>
      </div>
    </dialog>
  );
}

type Notice = { id: number; text: string; kind: 'info' | 'good' | 'bad'; action?: { text: string; do: () => void } };
const NOTICE_MILLISECONDS = 6000;
const NOTICES_MAX = 4;
const [notices, setNotices] = createSignal<Notice[]>([]);
let next = 0;

/** Says something short; what went wrong stays until it is closed. */
export function notify(text: string, kind: Notice['kind'] = 'info', action?: Notice['action']): void {
  const id = next++;
  setNotices(all => [...all.slice(1 - NOTICES_MAX), action ? { id, text, kind, action } : { id, text, kind }]);
  if (kind !== 'bad') setTimeout(() => dismiss(id), NOTICE_MILLISECONDS);
}

function dismiss(id: number): void {
  setNotices(all => all.filter(notice => notice.id !== id));
}

/** Where notices appear; once on a page. */
export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      <For each={notices()}>
        {notice => (
          <div class={`notice ${notice.kind}`}>
            <p>{notice.text}</p>
            <Show when={notice.action}>
              {action => (
                <button
                  type="button"
                  class="button quiet"
                  onClick={() => {
                    action().do();
                    dismiss(notice.id);
                  }}
                >
                  {action().text}
                </button>
              )}
            </Show>
            <IconButton icon="close" label={words('close')} onClick={() => dismiss(notice.id)} />
          </div>
        )}
      </For>
    </div>
  );
}

export type MenuItem = { text: string; icon?: IconName; danger?: boolean; do: () => void };

/** Puts a list over everything else, at the end of the place that it belongs to: nothing around it cuts it off. */
function layOver(list: HTMLElement, place: HTMLElement): void {
  if (!list.showPopover) return;
  list.showPopover();
  const [at, size] = [place.getBoundingClientRect(), list.getBoundingClientRect()];
  const below = at.bottom + MENU_GAP + size.height <= innerHeight || at.top < size.height;
  list.style.inset = 'auto';
  list.style.insetBlockStart = `${below ? at.bottom + MENU_GAP : at.top - MENU_GAP - size.height}px`;
  list.style.insetInlineStart = `${Math.max(MENU_GAP, Math.min(at.right - size.width, innerWidth - size.width - MENU_GAP))}px`;
}

/** Pixels between a menu and what it belongs to. */
const MENU_GAP = 4;

/** A button that opens a list of acts; arrows move, Escape closes. */
export function Menu(props: { label: string; icon?: IconName; items: MenuItem[]; class?: string }) {
  const [open, setOpen] = createSignal(false);
  let place!: HTMLDivElement;
  const items = () => [...place.querySelectorAll<HTMLElement>('[role=menuitem]')];
  const outside = (event: Event) => !place.contains(event.target as Node) && setOpen(false);
  const show = (wanted: boolean) => {
    setOpen(wanted);
    if (wanted) {
      document.addEventListener('pointerdown', outside, { capture: true });
      queueMicrotask(() => {
        const list = place.querySelector<HTMLElement>('.menu-list');
        if (list) layOver(list, place);
        items()[0]?.focus();
      });
    } else {
      document.removeEventListener('pointerdown', outside, { capture: true });
      place.querySelector<HTMLElement>('button')?.focus();
    }
  };
  onCleanup(() => document.removeEventListener('pointerdown', outside, { capture: true }));
  const keys = (event: KeyboardEvent) => {
    if (!open()) return;
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === 'Escape' || event.key === 'Tab') show(false);
    else if (to !== undefined) all.at(to % all.length)?.focus();
    else return;
    if (event.key !== 'Tab') event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class={`menu ${props.class ?? ''}`} ref={place} onKeyDown={keys}>
      <IconButton icon={props.icon ?? 'more'} label={props.label} aria-haspopup="menu" aria-expanded={open()} onClick={() => show(!open())} />
      <Show when={open()}>
        <div class="menu-list" popover="manual" role="menu" aria-label={props.label}>
          <For each={props.items}>
            {item => (
              <button
                type="button"
                role="menuitem"
                tabindex="-1"
                classList={{ danger: item.danger }}
                onClick={() => {
                  show(false);
                  item.do();
                }}
              >
                <Show when={item.icon}>{icon => <Icon name={icon()} size={18} />}</Show>
                {item.text}
              </button>
            )}
          </For>
        </div>
      </Show>
    </div>
  );
}
