// A person as a picture and a mark of presence: the mark differs by shape and by colour, and is named in words.

import { Match, Show, Switch } from 'solid-js';
import { words } from './words.ts';
import './person.css';

/** What a mark can say. */
export type PresenceState = 'available' | 'away' | 'busy' | 'dnd' | 'calling' | 'meeting' | 'offline' | 'unknown';

/** The mark alone; `label` says it in words when no text beside it does. */
export function PresenceMark(props: { state: PresenceState; label?: boolean }) {
  return (
    <span class={`presence ${props.state}`} role={props.label ? 'img' : undefined} aria-label={props.label ? words(`presence.${props.state}`) : undefined} aria-hidden={props.label ? undefined : 'true'}>
      <svg viewBox="0 0 12 12" width="12" height="12">
        <Switch>
          <Match when={props.state === 'available'}>
            <circle cx="6" cy="6" r="5" fill="currentColor" />
          </Match>
          <Match when={props.state === 'away'}>
            <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" />
            <path d="M6 1.8a4.2 4.2 0 0 0 0 8.4z" fill="currentColor" />
          </Match>
          <Match when={props.state === 'busy' || props.state === 'dnd'}>
            <circle cx="6" cy="6" r="5" fill="currentColor" />
            <path d="M3.5 6h5" stroke="var(--card)" stroke-width="1.8" />
          </Match>
          <Match when={props.state === 'calling'}>
            <path d="M2.5 1h2.2l.9 2.7-1.3 1a6 6 0 0 0 3 3l1-1.3 2.7.9v2.2c0 .8-.7 1.5-1.5 1.5A8.5 8.5 0 0 1 1 2.5C1 1.7 1.7 1 2.5 1z" fill="currentColor" />
          </Match>
          <Match when={props.state === 'meeting'}>
            <rect x="1" y="1" width="10" height="10" rx="2" fill="none" stroke="currentColor" stroke-width="1.6" />
            <path d="M1 5h10M5 5v6" stroke="currentColor" stroke-width="1.4" />
          </Match>
          <Match when={props.state === 'offline'}>
            <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" />
          </Match>
          <Match when={props.state === 'unknown'}>
            <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2 2" />
          </Match>
        </Switch>
      </svg>
    </span>
  );
}

const HUES = 12;

/** A colour of one's own, out of a dozen, by the address. */
export function hueOf(address: string): number {
  let sum = 0;
  for (const character of address) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return sum % HUES;
}

function initials(name: string): string {
  const parts = name.trim().split(/[\s._-]+/u).filter(Boolean);
  return ((parts[0]?.[0] ?? '?') + (parts.length > 1 ? (parts.at(-1)?.[0] ?? '') : '')).toLocaleUpperCase();
}

/** A round picture, or the initials; the presence mark at its edge. */
export function Avatar(props: { name: string; address: string; picture?: string | undefined; state?: PresenceState | undefined; size?: 'small' | 'large' }) {
  return (
    <span class={`avatar hue-${hueOf(props.address)} ${props.size ?? ''}`} aria-hidden="true">
      <Show when={props.picture} fallback={<span>{initials(props.name)}</span>}>
        {picture => <img src={picture()} alt="" />}
      </Show>
      <Show when={props.state}>{state => <PresenceMark state={state()} />}</Show>
    </span>
  );
}
