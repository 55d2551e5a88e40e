// The area Calls: whom to call, on which phone; the calls before; the speed dials.

import { Show, createEffect, createSignal, on } from 'solid-js';
import type { Device } from '../../core/phone/call.ts';
import { Choice } from '../../kit/controls.tsx';
import { PresenceMark } from '../../kit/person.tsx';
import { route } from '../../kit/route.ts';
import { t } from '../words-calls.ts';
import { wantTelephone } from './bar.tsx';
import { Dialler } from './dialler.tsx';
import { History } from './history.tsx';
import { prefer, preferences } from './preferences.ts';
import { SpeedDials } from './speed-dials.tsx';
import { canCall, telephony } from './telephone.ts';
import './calls.css';

/** See the module. `?to=` fills the field, as links to numbers do. */
export default function Calls() {
  wantTelephone();
  const [typed, setTyped] = createSignal('');
  createEffect(on(() => route().query.get('to'), to => to && setTyped(to)));
  return (
    <div class="calls">
      <section class="calls-dial" aria-labelledby="calls-title">
        <h1 id="calls-title">{t('title')}</h1>
        <Dialler typed={typed()} onTyped={setTyped} />
        <Phones />
        <SpeedDials />
      </section>
      <History />
    </div>
  );
}

/** Which phone, and which line. */
function Phones() {
  return (
    <div class="calls-phones">
      <div class="calls-choices">
        <Choice<Device>
          label={t('device')}
          value={preferences().device}
          options={[
            { value: 'browser', text: t('device.browser') },
            { value: 'desk', text: t('device.desk') },
          ]}
          onChange={device => prefer({ device })}
          hint={t(`device.hint.${preferences().device}`)}
        />
        <Show when={telephony.lines().length > 1}>
          <Choice label={t('line')} value={telephony.line()?.number ?? ''} options={telephony.lines().map(one => ({ value: one.line.number, text: one.line.number }))} onChange={number => telephony.useLine(number)} />
        </Show>
      </div>
      <p class="calls-ready small" role="status">
        <PresenceMark state={canCall() ? 'available' : 'unknown'} /> {readiness()}
      </p>
    </div>
  );
}

/** Whether one can call and be called, in words. */
function readiness(): string {
  const [line] = telephony.lines();
  if (telephony.controlState() === 'ready' && !line) return t('ready.noLine');
  if (preferences().device === 'browser') return t(`ready.${telephony.registration()}`);
  const own = telephony.lines().find(one => one.line.number === telephony.line()?.number) ?? line;
  if (!own || telephony.controlState() !== 'ready') return t('refused.away');
  return t(own.inService ? 'ready.desk' : 'ready.noDesk', { line: own.line.number });
}
