// One's own sign-in: the password, and an authenticator app as second factor.

import { For, Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Empty } from '../../kit/state.tsx';
import { get, send } from '../api/client.ts';
import { isServed } from '../api/served.ts';
import { ask } from '../parts/ask.ts';
import { Form } from '../parts/form.tsx';
import { Card, Copy, Mark, Page } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { QrCode } from '../parts/qr.tsx';
import { choosePassword } from '../session.ts';
import { say } from '../words/system.ts';

const PATH = '/session/totp';

type Enrolment = { uri: string; secret?: string };
type Confirmed = { recovery_codes?: string[] };

/** One's own sign-in. */
export default function Own() {
  return (
    <Page title={say('own')} about={say('own.about')}>
      <div class="cards">
        <Card title={say('own.password')}>
          <Form
            fields={[
              { name: 'current', label: say('own.present'), kind: 'password', autocomplete: 'current-password', required: true },
              { name: 'password', label: say('own.new'), kind: 'password', required: true },
              ...(isServed('session/totp') ? [{ name: 'code', label: say('totp.code'), hint: say('own.code'), autocomplete: 'one-time-code' }] : []),
            ]}
            send={say('own.password')}
            done={say('own.done')}
            onSend={values => choosePassword(String(values['current']), String(values['password']), String(values['code'] ?? ''))}
          />
        </Card>
        <Show when={isServed('session/totp')}><SecondFactor /></Show>
      </div>
    </Page>
  );
}

function SecondFactor() {
  const asked = ask(() => get<{ enabled: boolean }>(PATH));
  const [enrolment, setEnrolment] = createSignal<Enrolment | null>(null);
  const [codes, setCodes] = createSignal<string[]>([]);
  const begin = () => attempt(async () => setEnrolment(await send<Enrolment>('POST', PATH)));
  const confirm = async (code: string) => {
    const answer = await send<Confirmed | undefined>('PUT', PATH, { body: { code: code.replaceAll(' ', '') } });
    setCodes(answer?.recovery_codes ?? []);
    setEnrolment(null);
    asked.again();
  };
  const off = async (code: string) => {
    await send('DELETE', PATH, { body: { code: code.replaceAll(' ', '') } });
    setCodes([]);
    asked.again();
  };
  return (
    <Card title={say('secondFactor')}>
      <p class="soft">{say('totp.text')}</p>
      <Show when={asked.failure()}><Empty icon="shield" title={say('totp.not')} /></Show>
      <Show when={asked.value()?.enabled === false && !enrolment()}><div><Button kind="main" icon="shield" onClick={() => void begin()}>{say('totp.begin')}</Button></div></Show>
      <Show when={enrolment()}>
        {now => (
          <>
            <p>{say('totp.scan')}</p>
            <QrCode text={now().uri} label={say('totp.scan')} size={200} />
            <Show when={now().secret}>{secret => <p>{say('totp.secret')}: <Copy text={secret()} label={say('totp.secret')} /></p>}</Show>
            <Form fields={[{ name: 'code', label: say('totp.code'), autocomplete: 'one-time-code', required: true }]} send={say('totp.confirm')} done={say('totp.onNow')} onSend={values => confirm(String(values['code']))} />
          </>
        )}
      </Show>
      <Show when={codes().length > 0}>
        <h3>{say('totp.recovery')}</h3>
        <p>{say('totp.recoveryText')}</p>
        <ul class="chips"><For each={codes()}>{code => <li><code>{code}</code></li>}</For></ul>
        <Copy text={codes().join(' ')} label={say('totp.recovery')} />
      </Show>
      <Show when={asked.value()?.enabled && codes().length === 0}>
        <p><Mark grade="good">{say('totp.onNow')}</Mark></p>
        <Form fields={[{ name: 'code', label: say('totp.code'), autocomplete: 'one-time-code', required: true }]} send={say('totp.off')} done={say('totp.offDone')} onSend={values => off(String(values['code']))} />
      </Show>
    </Card>
  );
}
