// Settings: what others learn, and who is blocked.

import { For, createSignal } from 'solid-js';
import { workAddress } from '../../core/xmpp/address.ts';
import { Button, Field, Switch } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { im } from '../im.ts';
import { t } from '../words-settings.ts';

function block(jid: string, blocked: boolean): void {
  im().block(jid, blocked).catch((error: unknown) => notify(String(error), 'bad'));
}

export function PrivacySection() {
  const [address, setAddress] = createSignal('');
  const privacy = () => im().status.privacy();
  return (
    <>
      <div>
        <Switch label={t('receipts')} hint={t('receiptsHint')} on={privacy().receipts} onChange={receipts => void im().status.setPrivacy({ ...privacy(), receipts })} />
        <Switch label={t('typing')} on={privacy().typing} onChange={typing => void im().status.setPrivacy({ ...privacy(), typing })} />
      </div>
      <section aria-labelledby="blocked-title">
        <h3 id="blocked-title">{t('blocked')}</h3>
        <p class="soft small">{t('blockedHint')}</p>
        <ul>
          <For each={im().blocked()} fallback={<li class="settings-row soft">{t('blockedNobody')}</li>}>
            {jid => (
              <li class="settings-row">
                <bdi>{jid}</bdi>
                <Button onClick={() => block(jid, false)}>{t('unblock')}</Button>
              </li>
            )}
          </For>
        </ul>
      </section>
      <form
        class="settings-form"
        onSubmit={event => {
          event.preventDefault();
          const jid = workAddress(address());
          if (!jid) return;
          block(jid, true);
          setAddress('');
        }}
      >
        <Field label={t('blockSomebody')} value={address()} onInput={setAddress} />
        <Button type="submit" disabled={!workAddress(address())}>
          {t('block')}
        </Button>
      </form>
    </>
  );
}
