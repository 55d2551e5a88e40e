// Asks before a room is entered to which a link led.

import { Show } from 'solid-js';
import { Button } from '../kit/controls.tsx';
import { Dialog } from '../kit/overlay.tsx';
import { words } from '../kit/words.ts';
import { im } from './im.ts';
import { closeJoin, joining } from './join-state.ts';
import { plain } from './text.ts';
import { t } from './words-chat.ts';

export function JoinDialog() {
  return (
    <Show when={joining()}>
      {jid => (
        <Dialog
          title={t('joinAsk', { room: plain(jid()) })}
          onClose={closeJoin}
          foot={
            <>
              <Button onClick={closeJoin}>{words('cancel')}</Button>
              <Button
                kind="main"
                onClick={() => {
                  void im().join(jid());
                  closeJoin();
                }}
              >
                {t('join')}
              </Button>
            </>
          }
        >
          <p class="soft">{jid()}</p>
        </Dialog>
      )}
    </Show>
  );
}
