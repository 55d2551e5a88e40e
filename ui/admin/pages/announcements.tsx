// Announcements: something said to everybody, and the message of the day.

import { Show } from 'solid-js';
import { get, send } from '../api/client.ts';
import { ask } from '../parts/ask.ts';
import { Form, type Values, confirmer } from '../parts/form.tsx';
import { Card, Page } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { Button } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { say } from '../words/people.ts';

const DAY = '/announcements/message-of-the-day';

/** Announcements. */
export default function Announcements() {
  const day = ask(() => get<{ text: string | null }>(DAY));
  const confirm = confirmer();
  const announce = async (values: Values) => {
    if (!values['text']) return;
    confirm.ask({
      title: say('announcements.sure'), text: String(values['text']), act: say('announcements.send'),
      onDo: async () => {
        const answer = await send<{ users: number }>('POST', '/announcements', { body: { text: values['text'], all: values['to'] === 'all' } });
        notify(say('announcements.sent', { count: answer.users }), 'good');
      },
    });
  };
  const setDay = async (values: Values) => {
    await send('PUT', DAY, { body: { text: values['text'], tell: values['tell'] === true } });
    day.again();
  };
  return (
    <Page title={say('announcements')} about={say('announcements.about')}>
      <div class="cards">
        <Card title={say('announcements')}>
          <Form
            fields={[
              { name: 'text', label: say('announcements.text'), kind: 'lines', required: true },
              { name: 'to', label: say('announcements.to'), kind: 'choice', options: [{ value: 'online', text: say('announcements.online') }, { value: 'all', text: say('announcements.all') }] },
            ]}
            send={say('announcements.send')}
            onSend={announce}
          />
        </Card>
        <Card title={say('motd')} acts={<Show when={day.value()?.text}><Button kind="quiet" icon="trash" onClick={() => void attempt(async () => { await send('DELETE', DAY); day.again(); })}>{say('motd.clear')}</Button></Show>}>
          <Show when={day.value() ?? (day.failure() ? { text: '' } : undefined)} keyed>
            {now => (
              <Form
                fields={[{ name: 'text', label: say('motd'), kind: 'lines', hint: say('motd.hint'), required: true }, { name: 'tell', label: say('motd.tell'), kind: 'switch' }]}
                values={{ text: now.text ?? '' }}
                send={say('motd.set')}
                done={say('announcements.done')}
                onSend={setDay}
              />
            )}
          </Show>
        </Card>
      </div>
      <confirm.Place />
    </Page>
  );
}
