// One's own status: a picture in the rail that opens the choice.

import { Show, createSignal } from 'solid-js';
import { session } from '../core/session.ts';
import type { OwnShow } from '../core/im/status.ts';
import { Button, Choice, Field } from '../kit/controls.tsx';
import { Dialog } from '../kit/overlay.tsx';
import { Avatar, type PresenceState } from '../kit/person.tsx';
import { words } from '../kit/words.ts';
import { im, messenger } from './im.ts';
import { t } from './words-settings.ts';

const SHOWS = ['available', 'away', 'busy', 'dnd', 'hidden'] as const;
const UNTIL = ['forever', '30', '60', '240', 'day'] as const;
type Until = (typeof UNTIL)[number];

/** What others see of us now: what we chose, or what a call made of it. */
function shown(): PresenceState {
  if (session.state().is !== 'online') return 'unknown';
  const own = im().people.presence(im().client.bare);
  const chosen = im().status.own().show;
  if (chosen === 'hidden') return 'offline';
  return own.show === 'calling' || own.show === 'meeting' ? own.show : chosen;
}

export function OwnStatus() {
  const [open, setOpen] = createSignal(false);
  return (
    <Show when={messenger()}>
      <button type="button" class="rail-me" aria-label={t('statusOf', { state: words(`presence.${shown()}`) })} title={t('myStatus')} onClick={() => setOpen(true)}>
        <Avatar name={im().people.nameOf(im().client.bare)} address={im().client.bare} state={shown()} />
      </button>
      <Show when={open()}>
        <Dialog title={t('myStatus')} onClose={() => setOpen(false)}>
          <StatusForm onDone={() => setOpen(false)} />
        </Dialog>
      </Show>
    </Show>
  );
}

/** The choice itself; the tour shows it too. */
export function StatusForm(props: { onDone: () => void }) {
  const now = im().status.own();
  const [show, setShow] = createSignal<OwnShow>(now.show);
  const [text, setText] = createSignal(now.text);
  const [until, setUntil] = createSignal<Until>('forever');
  const set = () => {
    void im().status.set({ show: show(), text: text().trim(), until: endOf(until()) });
    props.onDone();
  };
  return (
    <form
      class="status-form"
      onSubmit={event => {
        event.preventDefault();
        set();
      }}
    >
      <p class="soft small">{t('automatic', { state: words(`presence.${shown()}`) })}</p>
      <Choice label={t('myStatus')} value={show()} options={SHOWS.map(value => ({ value, text: t(`show.${value}`) }))} onChange={setShow} />
      <Field label={t('statusText')} hint={t('statusHint')} value={text()} onInput={setText} />
      <Choice label={t('until')} value={until()} options={UNTIL.map(value => ({ value, text: t(`until.${value}`) }))} onChange={setUntil} />
      <Button kind="main" type="submit">
        {t('setStatus')}
      </Button>
    </form>
  );
}

function endOf(until: Until): number | undefined {
  if (until === 'forever') return undefined;
  if (until === 'day') return new Date().setHours(23, 59, 0, 0);
  return Date.now() + Number(until) * 60_000;
}
