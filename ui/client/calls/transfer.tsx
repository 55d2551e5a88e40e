// To whom a call goes: at once, or after asking; and whom to call besides.

import { Show, createSignal } from 'solid-js';
import type { Call } from '../../core/phone/call.ts';
import { dialled, read } from '../../core/phone/letters.ts';
import { Button } from '../../kit/controls.tsx';
import { Dialog, notify } from '../../kit/overlay.tsx';
import { t, whoIs } from '../words-calls.ts';
import { TargetField } from './target.tsx';
import { attempt, reasonOf, telephony } from './telephone.ts';

export type Purpose = 'transfer' | 'add';

/** Asks for whom; Enter does what is wanted most. */
export function TransferDialog(props: { call: Call; purpose: Purpose; onClose: () => void }) {
  const [typed, setTyped] = createSignal('');
  const [failed, setFailed] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  const who = () => whoIs(props.call.peer);
  const target = () => dialled(read(typed()));
  const now = async () => {
    setBusy(true);
    try {
      await telephony.transfer(props.call, target());
      notify(t('transfer.done', { who: who() }), 'good');
      props.onClose();
    } catch (error) {
      setFailed(reasonOf(error));
    } finally {
      setBusy(false);
    }
  };
  const ask = () => {
    props.onClose();
    void attempt(() => telephony.consult(props.call, target()));
  };
  const isTransfer = () => props.purpose === 'transfer';
  return (
    <Dialog
      title={isTransfer() ? t('transfer.title', { who: who() }) : t('add.title')}
      onClose={props.onClose}
      foot={
        <>
          <Button icon="phone" kind={isTransfer() ? 'plain' : 'main'} disabled={target() === ''} onClick={ask}>
            {isTransfer() ? t('transfer.ask') : t('add.call')}
          </Button>
          <Show when={isTransfer()}>
            <Button icon="transfer" kind="main" busy={busy()} disabled={target() === ''} onClick={() => void now()}>
              {t('transfer.now')}
            </Button>
          </Show>
        </>
      }
    >
      <TargetField label={t('transfer.to')} value={typed()} onInput={setTyped} onDial={() => (isTransfer() ? void now() : ask())} focus />
      <p class="small soft">{isTransfer() ? t('transfer.askHint', { who: who() }) : t('add.hint', { who: who() })}</p>
      <Show when={failed()}>
        <p class="error" role="alert">
          {failed()}
        </p>
      </Show>
    </Dialog>
  );
}
