// Certificates that are in use: whose they are and how long they last.

import { For, Show } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Empty } from '../../kit/state.tsx';
import { type Page as ListPage, get, send } from '../api/client.ts';
import { ask } from '../parts/ask.ts';
import { Card, Mark, Page } from '../parts/page.tsx';
import { Plain, title } from '../parts/plain.tsx';
import { Waiting, attempt } from '../parts/problem.tsx';
import { may } from '../session.ts';
import { say } from '../words/system.ts';

type Certificate = Record<string, unknown>;

const DAY = 86_400_000;
const DAYS_WARN = 21;

/** How many days a certificate lasts, if it says so. */
export function daysLeft(certificate: Certificate, now: number): number | null {
  const until = certificate['not_after'] ?? certificate['expires'] ?? certificate['expires_at'] ?? certificate['until'];
  const at = typeof until === 'string' ? Date.parse(until) : Number.NaN;
  return Number.isNaN(at) ? null : Math.floor((at - now) / DAY);
}

function Left(props: { days: number }) {
  return (
    <Show when={props.days >= 0} fallback={<Mark grade="bad">{say('expired')}</Mark>}>
      <Mark grade={props.days < DAYS_WARN ? 'warn' : 'good'}>{say('daysLeft', { count: props.days })}</Mark>
    </Show>
  );
}

/** Certificates. */
export default function Certificates() {
  const asked = ask(() => get<ListPage<Certificate> | Certificate[]>('/certificates'));
  const list = () => {
    const answer = asked.value();
    return Array.isArray(answer) ? answer : answer?.items;
  };
  const reload = () => attempt(async () => { await send('POST', '/certificates/reload'); asked.again(); }, say('reload.done'));
  const name = (certificate: Certificate) => String(certificate['name'] ?? certificate['domain'] ?? certificate['file'] ?? certificate['subject'] ?? '');
  return (
    <Page title={say('certificates')} about={say('certificates.about')} acts={<Show when={may('parameters:write')}><Button onClick={() => void reload()}>{say('reload')}</Button></Show>}>
      <Waiting for={asked} />
      <Show when={list()?.length === 0}><Empty icon="certificate" title={say('certificates.empty')} text={say('certificates.renew')} /></Show>
      <div class="cards">
        <For each={list()}>
          {certificate => (
            <Card title={name(certificate)} acts={<Show when={daysLeft(certificate, Date.now()) !== null}><Left days={daysLeft(certificate, Date.now()) ?? 0} /></Show>}>
              <Plain value={Object.fromEntries(Object.entries(certificate).map(([key, value]) => [title(key), value]))} />
            </Card>
          )}
        </For>
      </div>
      <p class="soft">{say('certificates.renew')}</p>
    </Page>
  );
}
