// What was said in a call, drawn as a ladder; a message that is chosen is shown in full.

import { For, Show, createMemo, createSignal } from 'solid-js';
import type { Trace } from '../api/shapes.ts';
import { say } from '../words/calls.ts';
import { type Rung, layOut } from './ladder.ts';
import './ladder.css';

/** The ladder of a call. */
export function Ladder(props: { trace: Trace }) {
  const drawn = createMemo(() => layOut(props.trace));
  const [chosen, setChosen] = createSignal(0);
  const message = () => props.trace.messages[chosen()];
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(Math.max(chosen() + step, 0), props.trace.messages.length - 1);
    setChosen(next);
    document.getElementById(`rung-${next}`)?.focus();
  };
  return (
    <div class="ladder">
      <div class="ladder-picture">
        <svg viewBox={`0 0 ${drawn().width} ${drawn().height}`} width={drawn().width} height={drawn().height} role="listbox" aria-label={say('ladder')} onKeyDown={keys}>
          <For each={drawn().poles}>
            {pole => (
              <g class="pole" classList={{ server: pole.server }}>
                <line x1={pole.x} x2={pole.x} y1="48" y2={drawn().height} />
                <text x={pole.x} y="18" text-anchor="middle">{pole.label}</text>
                <text x={pole.x} y="36" text-anchor="middle" class="address">{pole.address}</text>
              </g>
            )}
          </For>
          <For each={drawn().rungs}>{rung => <Arrow rung={rung} chosen={chosen() === rung.index} choose={() => setChosen(rung.index)} />}</For>
        </svg>
      </div>
      <Show when={message()}>
        {shown => (
          <div class="ladder-text">
            <p class="small soft">{say('redacted')}</p>
            <pre tabindex="0" aria-label={say('message')}>{shown().text}</pre>
            <Show when={shown().cut > 0}><p class="small soft">{say('cut', { count: shown().cut })}</p></Show>
          </div>
        )}
      </Show>
    </div>
  );
}

function Arrow(props: { rung: Rung; chosen: boolean; choose: () => void }) {
  const way = () => (props.rung.to > props.rung.from ? 1 : -1);
  const tip = () => props.rung.to - way() * 2;
  const middle = () => (props.rung.from + props.rung.to) / 2;
  return (
    <g
      id={`rung-${props.rung.index}`}
      class={`rung ${props.rung.kind}`}
      classList={{ chosen: props.chosen, repeated: props.rung.repeated }}
      role="option"
      aria-selected={props.chosen}
      tabindex={props.chosen ? 0 : -1}
      onClick={() => props.choose()}
    >
      <rect x="0" y={props.rung.y - 22} width="100%" height="32" />
      <text x="8" y={props.rung.y + 4} class="time">{`+${props.rung.seconds.toFixed(3)}`}</text>
      <text x={middle()} y={props.rung.y - 6} text-anchor="middle">{props.rung.label}</text>
      <line x1={props.rung.from} x2={tip()} y1={props.rung.y} y2={props.rung.y} />
      <path d={`M${tip()} ${props.rung.y}l${-way() * 8} -5v10z`} />
    </g>
  );
}
