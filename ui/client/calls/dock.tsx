// All that is seen of calls on every page: the bar, calls that come in, pictures; and what is heard of them.

import { For, Show, createEffect, createSignal, onCleanup, onMount } from 'solid-js';
import type { Call } from '../../core/phone/call.ts';
import { t } from '../words-calls.ts';
import { setMissedCalls } from './bar.tsx';
import { Incoming } from './incoming.tsx';
import { Cards } from './cards.tsx';
import { missed } from './known.ts';
import { Pictures } from './pictures.tsx';
import { closeWindow, isOut } from './pop-out.tsx';
import { preferences } from './preferences.ts';
import { announcement, begin, incoming, live, streams, telephony } from './telephone.ts';
import './calls.css';

/** Calls of the bar: all but those that ring here. */
export const inBar = (): readonly Call[] => telephony.calls().filter(call => !incoming().includes(call));

/** See the module. */
export default function Dock() {
  begin();
  onMount(() => {
    document.addEventListener('keydown', toCalls);
    onCleanup(() => document.removeEventListener('keydown', toCalls));
  });
  createEffect(() => live().length === 0 && closeWindow());
  createEffect(() => setMissedCalls(missed()));
  return (
    <>
      <p class="hidden" role="alert" aria-live="assertive">
        {announcement()}
      </p>
      <For each={[...streams().keys()]}>{id => <Show when={streams().get(id)}>{stream => <Sound stream={stream()} />}</Show>}</For>
      <Incoming />
      <Show when={inBar().length > 0 && !isOut()}>
        <section class="call-bar" aria-label={t('bar')} id="calls-under-way">
          <Pictures />
          <Cards calls={inBar()} />
        </section>
      </Show>
    </>
  );
}

/** F6 goes to the call that comes in, then to the bar (landmarks), and back to the content. */
function toCalls(event: KeyboardEvent): void {
  if (event.key !== 'F6' || event.altKey || event.ctrlKey || event.metaKey) return;
  const places = ['.incoming', '#calls-under-way', '#content'].map(one => document.querySelector<HTMLElement>(one)).filter(one => one !== null);
  if (places.length < 2) return;
  const at = places.findIndex(place => place.contains(document.activeElement) && document.activeElement !== document.body);
  const next = places[(at + (event.shiftKey ? places.length - 1 : 1)) % places.length];
  (next?.id === 'content' ? next : next?.querySelector<HTMLElement>('button:not(:disabled)'))?.focus();
  event.preventDefault();
}

/** The sound of a call, on the loudspeaker that was chosen. */
function Sound(props: { stream: MediaStream }) {
  const [element, setElement] = createSignal<HTMLAudioElement>();
  createEffect(() => {
    const audio = element();
    if (!audio) return;
    audio.srcObject = props.stream;
    void audio.play().catch(() => undefined);
  });
  createEffect(() => void element()?.setSinkId?.(preferences().speaker).catch(() => undefined));
  return <audio ref={setElement} autoplay class="call-sound" />;
}
