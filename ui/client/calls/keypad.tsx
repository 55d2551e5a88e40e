// The keys of a telephone, each at least 44 pixels, with the letters on them.

import { For } from 'solid-js';
import { KEYS } from '../../core/phone/letters.ts';
import { t } from '../words-calls.ts';
import { key } from './ring.ts';

const PLUS_MILLISECONDS = 600;

/** Twelve keys; 0 held down is +. */
export function Keypad(props: { onDigit: (digit: string) => void; plus?: boolean; class?: string }) {
  let held: ReturnType<typeof setTimeout> | undefined;
  let wasPlus = false;
  const press = (digit: string) => {
    clearTimeout(held);
    if (wasPlus && digit === '0') return void (wasPlus = false);
    key(digit);
    props.onDigit(digit);
  };
  const hold = (digit: string) => {
    if (digit !== '0' || !props.plus) return;
    wasPlus = false;
    held = setTimeout(() => {
      wasPlus = true;
      props.onDigit('+');
    }, PLUS_MILLISECONDS);
  };
  return (
    <div class={`keypad ${props.class ?? ''}`} role="group" aria-label={t('dial.pad')}>
      <For each={KEYS}>
        {([digit, letters]) => (
          <button type="button" class="key" onPointerDown={() => hold(digit)} onPointerLeave={() => clearTimeout(held)} onClick={() => press(digit)}>
            <span>{digit}</span> <small>{letters.toUpperCase()}</small>
          </button>
        )}
      </For>
    </div>
  );
}
