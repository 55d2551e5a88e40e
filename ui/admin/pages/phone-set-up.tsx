// What to type into a phone, and whether it has registered: watched while the page is open.

import { Show } from 'solid-js';
import { type Page, get, withQuery } from '../api/client.ts';
import type { Registration, Status } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Card, Copy, Facts, Mark } from '../parts/page.tsx';
import { QrCode } from '../parts/qr.tsx';
import { domain } from '../session.ts';
import { say } from '../words/telephony.ts';

const port = (status: Status | undefined, name: string, usual: number): string => status?.listeners.find(listener => listener.name === name)?.address.split(':').at(-1) ?? String(usual);

/** How to set up a phone for a line. */
export function PhoneSetUp(props: { line: string; password?: string | undefined }) {
  const status = ask(() => get<Status>('/status'));
  const phones = ask(() => get<Page<Registration>>(withQuery('/registrations', { q: props.line, limit: 100 })), { seconds: 2 });
  const here = () => phones.value()?.items.find(row => row.line.split('@')[0] === props.line);
  const tls = () => port(status.value(), 'SIP over TLS', 5061);
  const plain = () => port(status.value(), 'SIP over UDP', 5060);
  const address = () => `sip:${props.line}@${domain()}${plain() === '5060' ? '' : `:${plain()}`}`;
  return (
    <Card title={say('setUpPhone')}>
      <p class="soft">{say('setUp.text')}</p>
      <Facts facts={[
        [say('setUp.server'), <Copy text={domain()} label={say('setUp.server')} />],
        [say('setUp.user'), <Copy text={props.line} label={say('setUp.user')} />],
        [say('password'), <Show when={props.password} fallback={<span class="soft">{say('setUp.password')}</span>}>{password => <Copy text={password()} label={say('password')} />}</Show>],
        [say('setUp.transport'), say('setUp.transports', { tls: tls(), plain: plain() })],
      ]} />
      <div class="row">
        <QrCode text={address()} label={say('setUp.qr')} size={132} />
        <p class="small soft phone-qr-text">{say('setUp.qrText')}<br /><code>{address()}</code></p>
      </div>
      <p role="status">
        <Show when={here()} fallback={<Mark grade="off">{say('setUp.wait')}</Mark>}>
          {phone => <Mark grade="good">{say('setUp.here', { phone: phone().phone ?? '', source: phone().source })}</Mark>}
        </Show>
      </p>
    </Card>
  );
}
