// A backup into a file of the server, and a look at whether everything that is kept is whole.

import { For, Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { send } from '../api/client.ts';
import { Form } from '../parts/form.tsx';
import { Card, Copy, Mark, Page } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { say } from '../words/system.ts';

const suggested = () => `/var/backups/carillon-${new Date().toISOString().slice(0, 10)}.tar`;

/** Backup. */
export default function Backup() {
  const [written, setWritten] = createSignal('');
  const [findings, setFindings] = createSignal<string[] | null>(null);
  const [busy, setBusy] = createSignal(false);
  const verify = async () => {
    setBusy(true);
    await attempt(async () => setFindings((await send<{ findings: string[] }>('POST', '/backup/verify')).findings));
    setBusy(false);
  };
  return (
    <Page title={say('backup')} about={say('backup.about')}>
      <div class="cards">
        <Card title={say('backup.make')}>
          <Form fields={[{ name: 'path', label: say('backup.path'), hint: say('backup.pathHint'), required: true }]} values={{ path: suggested() }} send={say('backup.make')}
            onSend={async values => { await send('POST', '/backup', { body: { path: values['path'] } }); setWritten(String(values['path'])); }} />
          <Show when={written()}>
            {path => <div class="stack" role="status"><Mark grade="good">{say('backup.done', { path: path() })}</Mark><Copy text={`carillon restore ${path()} --data NEW`} label={say('backup')} /></div>}
          </Show>
        </Card>
        <Card title={say('verify')}>
          <p class="soft">{say('verify.text')}</p>
          <div><Button busy={busy()} onClick={() => void verify()}>{say('verify')}</Button></div>
          <div role="status" class="stack">
            <Show when={findings()?.length === 0}><Mark grade="good">{say('verify.fine')}</Mark></Show>
            <For each={findings() ?? []}>{text => <p><Mark grade="bad">{text}</Mark></p>}</For>
          </div>
        </Card>
      </div>
    </Page>
  );
}
