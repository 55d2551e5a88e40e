// The dial pad and the field above it; before one calls, it says what the call would do.

import { Show, createEffect, createResource, createSignal, onCleanup } from 'solid-js';
import { dialled, read } from '../../core/phone/letters.ts';
import { Button, IconButton } from '../../kit/controls.tsx';
import { t } from '../words-calls.ts';
import { Keypad } from './keypad.tsx';
import { TargetField } from './target.tsx';
import { canCall, device, dial, self, telephony } from './telephone.ts';

const WAIT_MILLISECONDS = 250;

/** See the module. */
export function Dialler(props: { typed: string; onTyped: (typed: string) => void }) {
  const [name, setName] = createSignal('');
  const target = () => dialled(read(props.typed));
  const call = (video = false) => {
    const wanted = target();
    if (wanted === '') return;
    props.onTyped('');
    setName('');
    void dial(wanted, { video });
  };
  return (
    <div class="dialler">
      <div class="dialler-field">
        <TargetField
          large
          label={t('dial.label')}
          placeholder={t('dial.placeholder')}
          value={props.typed}
          onInput={typed => {
            setName('');
            props.onTyped(typed);
          }}
          onChoose={found => setName(found.name)}
          onDial={() => call()}
        />
        <Show when={props.typed !== ''}>
          <IconButton icon="back" label={t('dial.erase')} onClick={() => props.onTyped([...props.typed].slice(0, -1).join(''))} />
        </Show>
      </div>
      <Preview typed={props.typed} name={name()} />
      <Keypad plus onDigit={digit => props.onTyped(props.typed + digit)} />
      <div class="dialler-acts">
        <Button kind="good" icon="phone" class="big" disabled={target() === '' || !canCall()} onClick={() => call()}>
          {t('dial.call')}
        </Button>
        <Show when={device() === 'browser'}>
          <Button icon="video" class="big" disabled={target() === '' || !canCall()} onClick={() => call(true)}>
            {t('dial.video')}
          </Button>
        </Show>
      </div>
    </div>
  );
}

/** What the call would do (the number as it is dialled, where it leads, why not), from the server. */
function Preview(props: { typed: string; name: string }) {
  const [asked, setAsked] = createSignal('');
  createEffect(() => {
    const wanted = dialled(read(props.typed));
    const timer = setTimeout(() => setAsked(wanted), WAIT_MILLISECONDS);
    onCleanup(() => clearTimeout(timer));
  });
  const [preview] = createResource(
    () => asked() !== '' && { target: asked(), line: telephony.line() },
    ({ target, line }) => self.preview(target, line).catch(() => null),
    // Without a value at first the whole page would wait for it, and the field lose the focus.
    { initialValue: null },
  );
  const vanity = () => {
    const typed = read(props.typed);
    return typed.kind === 'vanity' ? typed.number : '';
  };
  const found = () => (props.typed === '' || preview.state === 'errored' ? null : preview.latest);
  const says = () => {
    const of = found();
    if (!of) return props.name ? t('preview.named', { name: props.name, number: props.typed }) : '';
    if (of.emergency) return of.location ? t('preview.emergency', { location: of.location }) : t('preview.noLocation');
    if (of.refused) return t('preview.refused', { reason: worded('why', of.refused) });
    const who = of.name || props.name;
    const number = of.number || asked();
    const calls = who ? t('preview.named', { name: who, number }) : t('preview.calls', { number });
    return [calls, worded('goes', of.goesTo), worded('costs', of.costs)].filter(Boolean).join(' · ');
  };
  return (
    <p class="dialler-preview small" role="status" classList={{ bad: Boolean(found()?.refused), emergency: Boolean(found()?.emergency) }}>
      <Show when={vanity()}>{number => <span class="soft">{t('preview.vanity', { number: number() })} </span>}</Show>
      {says()}
    </p>
  );
}

/** A word of the server in the language of the page, as far as it is known here. */
function worded(kind: 'goes' | 'costs' | 'why', said: string): string {
  const key = `${kind}.${said}`;
  const words = t(key as Parameters<typeof t>[0]);
  return words === key ? (kind === 'why' ? said : '') : words;
}
