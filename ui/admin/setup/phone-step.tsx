// The first phone: a number, a password for its phones, what to type, and whether it has registered.

import { Show, createEffect, createSignal } from 'solid-js';
import { Button, Choice } from '../../kit/controls.tsx';
import { Empty } from '../../kit/state.tsx';
import { type Page, get, send } from '../api/client.ts';
import type { Line, PasswordSet } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Go } from '../parts/page.tsx';
import { Waiting, attempt } from '../parts/problem.tsx';
import { lineName } from '../pages/lines.tsx';
import { PhoneSetUp } from '../pages/phone-set-up.tsx';
import { say } from '../words/setup.ts';

/** The step. */
export function PhoneStep() {
  const lines = ask(() => get<Page<Line>>('/lines?limit=500'));
  const [line, setLine] = createSignal('');
  const [password, setPassword] = createSignal('');
  createEffect(() => {
    const first = lines.value()?.items[0];
    if (!line() && first) setLine(lineName(first));
  });
  const choose = (name: string) => {
    setLine(name);
    setPassword('');
  };
  const make = () => attempt(async () => setPassword((await send<PasswordSet>('PUT', `/lines/${encodeURIComponent(line())}/password`, { body: {} })).password ?? ''));
  const options = () => (lines.value()?.items ?? []).map(one => ({ value: lineName(one), text: one.owner ? `${lineName(one)} · ${one.owner}` : lineName(one) }));
  return (
    <div class="stack">
      <Waiting for={lines} />
      <Show when={lines.value()?.items.length === 0}><Empty icon="device" title={say('phone.noLines')}><Go to="/admin/setup/users" class="button main">{say('users')}</Go></Empty></Show>
      <Show when={line()}>
        <div class="card">
          <p>{say('phone.text')}</p>
          <div class="row bottom">
            <Show when={options()} keyed>{all => <Choice label={say('phone.line')} value={line()} options={all} onChange={choose} />}</Show>
            <Button kind="main" icon="lock" onClick={() => void make()}>{say('phone.password')}</Button>
          </div>
          <p class="small soft">{say('phone.again')}</p>
        </div>
        <Show when={line()} keyed>{name => <PhoneSetUp line={name.split('@')[0] ?? name} password={password()} />}</Show>
      </Show>
    </div>
  );
}
