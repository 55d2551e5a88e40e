// The domain with its certificate, and the records of the name service.

import { For, Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { get } from '../api/client.ts';
import type { Check, Status } from '../api/shapes.ts';
import { Steps, stepsOf } from '../pages/federation.tsx';
import { ask } from '../parts/ask.ts';
import { Card, Copy, Facts, Go } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { domain } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/setup.ts';
import { say as sayShell } from '../words/shell.ts';
import { type DnsRecord, recordsFor, zoneOf } from './records.ts';

/** The domain, and what the server says of itself. */
export function DomainStep() {
  const checks = ask(() => get<Check[] | { checks: Check[] }>('/health'));
  return (
    <div class="cards">
      <Card title={say('domain')}>
        <p>{say('domain.text')}</p>
        <Facts facts={[[say('domain'), <strong>{domain()}</strong>]]} />
        <h3>{say('domain.cert')}</h3>
        <p>{say('domain.certText')}</p>
        <Go to="/admin/certificates">{sayShell('certificates')}</Go>
      </Card>
      <Card title={say('domain.checks')} acts={<Button kind="quiet" onClick={checks.again}>{say('domain.again')}</Button>}>
        <Waiting for={checks} />
        <Show when={checks.value()}>{answer => <Steps steps={stepsOf(answer())} />}</Show>
      </Card>
    </div>
  );
}

/** The records to copy. */
export function DnsStep() {
  const status = ask(() => get<Status>('/status'));
  const checks = ask(() => get<Check[] | { checks: Check[] }>('/health'));
  const [host, setHost] = createSignal(domain());
  const records = () => recordsFor(domain(), host(), status.value()?.listeners ?? []);
  const columns: Column<DnsRecord>[] = [
    { key: 'for', title: say('dns.for'), value: record => say(`dns.${record.key}`) },
    { key: 'type', title: say('dns.type'), value: record => record.type },
    { key: 'name', title: say('dns.name'), value: record => record.name, cell: record => <Copy text={record.name} label={say('dns.name')} /> },
    { key: 'value', title: say('dns.value'), value: record => record.value, cell: record => <Show when={record.value} fallback="–"><Copy text={record.value} label={say('dns.value')} /></Show> },
  ];
  const copyAll = () => void navigator.clipboard.writeText(zoneOf(records())).then(() => notify(sayPart('copied'), 'good'), () => undefined);
  return (
    <Card title={say('dns')} acts={<Button icon="copy" onClick={copyAll}>{say('dns.copyAll')}</Button>}>
      <p>{say('dns.text')}</p>
      <Show when={domain() === 'localhost'}><p class="soft">{say('dns.local')}</p></Show>
      <Field label={say('dns.host')} value={host()} onInput={setHost} hint={say('dns.hostHint')} />
      <Waiting for={status} />
      <Table plain name="dns" columns={columns} rows={localRows(() => status.value() && records(), status)} id={record => record.name} empty={<p />} />
      <Show when={checks.value()}>{answer => <Steps steps={stepsOf(answer()).filter(check => check.what === 'dns')} />}</Show>
    </Card>
  );
}

/** What many do next. */
export function FinishStep() {
  const next = () => [
    ['/admin/dialplan', say('finish.trunk')],
    ['/admin/own', say('finish.factor')],
    ['/admin/invitations', say('finish.invite')],
    ['/admin/', say('finish.dashboard')],
  ] as const;
  return (
    <Card title={say('finish')}>
      <p>{say('finish.text')}</p>
      <ul class="stack"><For each={next()}>{([to, text]) => <li><Go to={to}>{text}</Go></li>}</For><li><a href="/">{say('finish.client')}</a></li></ul>
    </Card>
  );
}
