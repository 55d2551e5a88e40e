// The range of numbers that users get theirs from; kept in the browser, since it is a habit, not a rule.

import { Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { type Page, get } from '../api/client.ts';
import type { Line } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { say } from '../words/setup.ts';
import { type NumberRange, freeNumbers, isRange } from './records.ts';

const PLACE = 'carillon-number-range';
const USUAL: NumberRange = { first: '1001', last: '1099' };

function read(): NumberRange {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? '') as NumberRange;
    return isRange(kept) ? kept : USUAL;
  } catch {
    return USUAL;
  }
}

const [keptRange, setKeptRange] = createSignal<NumberRange>(read());
/** The range that was chosen. */
export { keptRange };

/** The step. */
export function RangeStep() {
  const [range, setRange] = createSignal(keptRange());
  const lines = ask(() => get<Page<Line>>('/lines?limit=500'));
  const taken = () => new Set(lines.value()?.items.map(line => line.number));
  const all = () => (isRange(range()) ? Number(range().last) - Number(range().first) + 1 : 0);
  const takenHere = () => [...taken()].filter(number => number.length === range().first.length && number >= range().first && number <= range().last).length;
  const next = () => freeNumbers(range(), taken(), 1)[0];
  const save = (event: Event) => {
    event.preventDefault();
    if (!isRange(range())) return;
    setKeptRange(range());
    localStorage.setItem(PLACE, JSON.stringify(range()));
    notify(say('numbers.saved'), 'good');
  };
  return (
    <form class="card" onSubmit={save}>
      <p>{say('numbers.text')}</p>
      <div class="row top">
        <Field label={say('numbers.first')} type="tel" value={range().first} onInput={first => setRange(now => ({ ...now, first }))} error={isRange(range()) ? undefined : say('numbers.wrong')} />
        <Field label={say('numbers.last')} type="tel" value={range().last} onInput={last => setRange(now => ({ ...now, last }))} />
      </div>
      <Show when={isRange(range()) && lines.value()}>
        <p role="status">{next() ? say('numbers.taken', { taken: takenHere(), all: all(), next: next() ?? '' }) : say('numbers.full', { all: all() })}</p>
      </Show>
      <div><Button type="submit" disabled={!isRange(range())}>{say('numbers.save')}</Button></div>
    </form>
  );
}
