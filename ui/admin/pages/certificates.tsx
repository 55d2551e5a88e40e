// Certificates that are in use: whose they are and how long they last.

import { For, Show } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Empty } from '../../kit/state.tsx';
import { type Page as ListPage, get, send } from '../api/client.ts';
import type { Certificate } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Card, Facts, Mark, Page, When } from '../parts/page.tsx';
import { Waiting, attempt } from '../parts/problem.tsx';
import { may } from '../session.ts';
import { say } from '../words/system.ts';

const DAYS_WARN = 21;

function Left(props: { days: number }) {
  return (
    <Show when={props.days >= 0} fallback={<Mark grade="bad">{say('expired')}</Mark>}>
      <Mark grade={props.days < DAYS_WARN ? 'warn' : 'good'}>{say('daysLeft', { count: props.days })}</Mark>
    </Show>
  );
}

/** Certificates. */
export default function Certificates() {
  const asked = ask(() => get<ListPage<Certificate>>('/certificates'));
  const reload = () => attempt(async () => { await send('POST', '/certificates/reload'); asked.again(); }, say('reload.done'));
  return (
    <Page title={say('certificates')} about={say('certificates.about')} acts={<Show when={may('parameters:write')}><Button onClick={() => void reload()}>{say('reload')}</Button></Show>}>
      <Waiting for={asked} />
      <Show when={asked.value()?.items.length === 0}><Empty icon="certificate" title={say('certificates.empty')} text={say('certificates.renew')} /></Show>
      <div class="cards">
        <For each={asked.value()?.items}>
          {certificate => (
            <Card title={certificate.names[0] ?? certificate.subject} acts={<Left days={certificate.days_left} />}>
              <Facts facts={[
                [say('names'), certificate.names.join(', ')],
                [say('subject'), certificate.subject],
                [say('issuer'), certificate.self_signed ? <Mark grade="warn">{say('selfSigned')}</Mark> : certificate.issuer],
                [say('from'), <When at={certificate.not_before} />],
                [say('until'), <When at={certificate.not_after} />],
                [say('fingerprint'), <code>{certificate.fingerprint}</code>],
              ]} />
            </Card>
          )}
        </For>
      </div>
      <p class="soft">{say('certificates.renew')}</p>
    </Page>
  );
}
