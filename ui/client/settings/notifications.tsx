// Settings: when and how this browser tells of messages.

import { Show } from 'solid-js';
import { Switch } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { askForNotices, noticeChoice, noticePermission, noticesAllowed, setNoticeChoice } from '../notices.ts';
import { canPush, pushing, setPush } from '../push.ts';
import { t } from '../words-settings.ts';

async function wantNotices(on: boolean): Promise<void> {
  setNoticeChoice({ on });
  if (on && !noticesAllowed()) await askForNotices();
}

export function Notifications() {
  return (
    <div>
      <Switch label={t('notify')} hint={t('notifyHint')} on={noticeChoice().on && noticesAllowed()} onChange={on => void wantNotices(on)} />
      <Show when={noticePermission() === 'denied'}>
        <p class="error small">{t('notifyDenied')}</p>
      </Show>
      <Switch label={t('notifyText')} on={noticeChoice().words} onChange={words => setNoticeChoice({ words })} />
      <Show when={canPush()} fallback={<p class="soft small">{t('pushMissing')}</p>}>
        <Switch label={t('push')} hint={t('pushHint')} on={pushing()} onChange={on => void setPush(on).catch((error: unknown) => notify(t('pushFailed', { why: error instanceof Error ? error.message : String(error) }), 'bad'))} />
      </Show>
    </div>
  );
}
