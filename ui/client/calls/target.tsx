// A field for whom to call: names and numbers are found while one types (speed dials, the calls before, the directory).

import { For, Show, createEffect, createResource, createSignal, createUniqueId, on, onCleanup, onMount } from 'solid-js';
import { fits, read } from '../../core/phone/letters.ts';
import { Avatar } from '../../kit/person.tsx';
import { t } from '../words-calls.ts';
import { known } from './known.ts';
import { self } from './telephone.ts';

/** Somebody who can be called. */
export type Found = { name: string; number: string; jid: string };

const FOUND_MAX = 8;
const WAIT_MILLISECONDS = 180;
const SHORTEST = 2;

type Props = {
  label: string;
  value: string;
  onInput: (value: string) => void;
  /** Enter was pressed. */
  onDial: () => void;
  /** Somebody was chosen of those who were found. */
  onChoose?: (found: Found) => void;
  placeholder?: string;
  focus?: boolean;
  large?: boolean;
};

/** A combobox (WAI-ARIA APG): arrows move, Enter chooses or dials, Escape closes. */
export function TargetField(props: Props) {
  const id = createUniqueId();
  const [at, setAt] = createSignal(-1);
  const [open, setOpen] = createSignal(false);
  let input!: HTMLInputElement;
  const found = search(() => props.value);
  const shown = () => (open() ? found() : []);
  let pressed = false;
  const press = () => void (pressed = true);
  const release = () => void (pressed = false);
  addEventListener('pointerdown', press, { capture: true });
  addEventListener('pointerup', release, { capture: true });
  onCleanup(() => {
    removeEventListener('pointerdown', press, { capture: true });
    removeEventListener('pointerup', release, { capture: true });
  });
  // A list that goes while a button below it is pressed would move that button away from under the pointer.
  const leave = () => {
    if (pressed) addEventListener('pointerup', () => setTimeout(() => setOpen(false)), { once: true });
    else setOpen(false);
  };
  onMount(() => props.focus && input.focus());
  createEffect(on(found, () => setAt(-1)));
  const choose = (one: Found) => {
    setOpen(false);
    props.onInput(one.number || one.jid);
    props.onChoose?.(one);
    input.focus();
  };
  const keys = (event: KeyboardEvent) => {
    const all = shown();
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      setOpen(true);
      const step = event.key === 'ArrowDown' ? 1 : -1;
      if (all.length > 0) setAt(index => (index + step + all.length + (index < 0 && step < 0 ? 1 : 0)) % all.length);
    } else if (event.key === 'Enter') {
      const one = all[at()];
      if (one) choose(one);
      else {
        setOpen(false);
        props.onDial();
      }
    } else if (event.key === 'Escape' && all.length > 0) {
      setOpen(false);
      event.stopPropagation();
    } else return;
    event.preventDefault();
  };
  return (
    <div class="field target" classList={{ large: props.large }}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        ref={input}
        type="text"
        inputmode="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        aria-autocomplete="list"
        aria-expanded={shown().length > 0}
        aria-controls={`${id}-list`}
        aria-activedescendant={at() >= 0 ? `${id}-${at()}` : undefined}
        placeholder={props.placeholder}
        value={props.value}
        onInput={event => {
          setOpen(true);
          props.onInput(event.currentTarget.value);
        }}
        onKeyDown={keys}
        onBlur={leave}
      />
      <ul id={`${id}-list`} role="listbox" aria-label={props.label} class="target-list" hidden={shown().length === 0}>
        <For each={shown()}>
          {(one, index) => (
            <li id={`${id}-${index()}`} role="option" aria-selected={at() === index()} onPointerDown={event => event.preventDefault()} onClick={() => choose(one)}>
              <Avatar name={one.name} address={one.jid || one.number} size="small" />
              <bdi>{one.name}</bdi>
              <bdi class="soft small">{one.number || one.jid}</bdi>
            </li>
          )}
        </For>
      </ul>
      <p class="hidden" role="status">
        <Show when={shown().length > 0}>{t('dial.found', { count: shown().length })}</Show>
      </p>
    </div>
  );
}

/** Those who are known here at once, then those whom the directory knows. */
function search(typed: () => string): () => Found[] {
  const [asked, setAsked] = createSignal('');
  createEffect(() => {
    const value = typed().trim();
    const wanted = value.length >= SHORTEST && read(value).kind === 'name' ? value : '';
    const timer = setTimeout(() => setAsked(wanted), WAIT_MILLISECONDS);
    onCleanup(() => clearTimeout(timer));
  });
  const [people] = createResource(asked, async query => (query === '' ? [] : self.people(query).catch(() => [])), { initialValue: [] });
  return () => {
    if (typed().trim() === '') return [];
    const here = known().filter(one => fits(typed(), one.name, one.number));
    const there = (people.latest ?? []).flatMap(person => (person.numbers.length > 0 ? person.numbers : ['']).map(number => ({ name: person.name, number, jid: person.jid })));
    const all = [...here, ...there].filter((one, index, list) => list.findIndex(other => (other.number || other.jid) === (one.number || one.jid)) === index);
    return all.slice(0, FOUND_MAX);
  };
}
