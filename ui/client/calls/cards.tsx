// The calls of the bar: who, how long, and what can be done, with the acts in words.

import { For, type JSX, Show, createSignal } from 'solid-js';
import { type Call, isConference, isUp, nameOf } from '../../core/phone/call.ts';
import { isFailure, nextAct } from '../../core/phone/ending.ts';
import type { Act } from '../../core/phone/telephony.ts';
import { Button, IconButton } from '../../kit/controls.tsx';
import { Icon, type IconName } from '../../kit/icons.tsx';
import { Menu, type MenuItem, notify } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { go } from '../../kit/route.ts';
import { t, whoIs } from '../words-calls.ts';
import { duration } from './duration.ts';
import { Keypad } from './keypad.tsx';
import { canPopOut, isOut, popOut } from './pop-out.tsx';
import { preferences } from './preferences.ts';
import { QualityButton } from './quality.tsx';
import { attempt, chatWith, dial, now, telephony } from './telephone.ts';
import { type Purpose, TransferDialog } from './transfer.tsx';

const who = (call: Call) => whoIs(call.peer);

/** All calls of the bar, and what can be done with two of them. */
export function Cards(props: { calls: readonly Call[] }) {
  const up = () => props.calls.filter(isUp);
  return (
    <div class="call-cards">
      <For each={props.calls.map(call => call.id)}>{id => <Show when={telephony.find(id)}>{call => <Card call={call()} />}</Show>}</For>
      <Show when={up().length === 2 && up()}>{two => <Two one={two()[0] as Call} other={two()[1] as Call} />}</Show>
    </div>
  );
}

function Card(props: { call: Call }) {
  const [purpose, setPurpose] = createSignal<Purpose | null>(null);
  const [keys, setKeys] = createSignal(false);
  return (
    <article class="call-card" classList={{ held: props.call.state === 'held', over: props.call.state === 'ended' }} aria-label={who(props.call)}>
      <Avatar name={who(props.call)} address={props.call.peer.jid ?? props.call.peer.number} />
      <div class="call-who">
        <h3>
          <bdi>{who(props.call)}</bdi>
        </h3>
        <Status call={props.call} />
      </div>
      <Show when={props.call.state !== 'ended'} fallback={<Over call={props.call} />}>
        <Acts call={props.call} onPurpose={setPurpose} keys={keys()} onKeys={() => setKeys(open => !open)} />
      </Show>
      <Show when={keys()}>
        <Keypad onDigit={digit => telephony.phone.digits(props.call.id, digit)} />
      </Show>
      <Show when={purpose()}>{what => <TransferDialog call={props.call} purpose={what()} onClose={() => setPurpose(null)} />}</Show>
    </article>
  );
}

function Status(props: { call: Call }) {
  const marks = (): [IconName, string][] => {
    const { call } = props;
    const all: [boolean, IconName, string][] = [
      [call.mending, 'warning', t('mending')],
      [call.waiting, 'pause', t('waiting')],
      [call.muted, 'mute', t('muted')],
      [call.recording, 'warning', t('recording')],
      [call.others.length > 0, 'group', t('withOthers', { who: call.others.map(nameOf).join(', ') })],
      [call.device === 'desk' && call.state !== 'ended', 'device', t('onDevice')],
    ];
    return all.filter(([is]) => is).map(([, icon, text]) => [icon, text]);
  };
  return (
    <p class="call-status small">
      <Show when={props.call.state !== 'ended'}>
        <Show when={props.call.peer.name && !isConference(props.call.peer)}>
          <bdi class="soft">{props.call.peer.number}</bdi>
        </Show>
        <span>{t(`state.${props.call.state}`)}</span>
        <Show when={isUp(props.call) && props.call.answeredAt}>{since => <span class="call-time">{duration(now() - since())}</span>}</Show>
        <For each={marks()}>
          {([icon, text]) => (
            <span class="call-mark">
              <Icon name={icon} size={14} /> {text}
            </span>
          )}
        </For>
      </Show>
      <Show when={props.call.state === 'ended' && props.call.ending}>{ending => <span>{t(`ending.${ending()}`)}</span>}</Show>
    </p>
  );
}

/** An act as a button with its name below the picture. */
function ActButton(props: { icon: IconName; label: string; kind?: 'danger' | 'on'; pressed?: boolean; shortcut?: string; onClick: () => void }) {
  return (
    <button type="button" class={`call-act ${props.kind ?? ''}`} aria-pressed={props.pressed} aria-keyshortcuts={props.shortcut} title={props.shortcut && `${props.label} (${props.shortcut})`} onClick={() => props.onClick()}>
      <Icon name={props.icon} />
      <span>{props.label}</span>
    </button>
  );
}

const shortcut = () => preferences().keys;
const act = (does: () => Promise<unknown> | void) => () => void attempt(does);

function Acts(props: { call: Call; onPurpose: (purpose: Purpose) => void; keys: boolean; onKeys: () => void }) {
  const can = (act: Act) => telephony.acts(props.call).includes(act);
  const rarely = (): MenuItem[] => rareActs(props.call, can);
  const when = (is: Act, element: () => JSX.Element) => <Show when={can(is)}>{element()}</Show>;
  return (
    <div class="call-acts">
      {when('mute', () => (
        <ActButton icon={props.call.muted ? 'mute' : 'microphone'} label={t(props.call.muted ? 'unmute' : 'mute')} pressed={props.call.muted} shortcut={shortcut().mute} onClick={() => telephony.mute(props.call, !props.call.muted)} />
      ))}
      {when('hold', () => (
        <ActButton icon="pause" label={t('hold')} shortcut={shortcut().hold} onClick={act(() => telephony.hold(props.call))} />
      ))}
      {when('resume', () => (
        <ActButton icon="play" kind="on" label={t('resume')} shortcut={shortcut().hold} onClick={act(() => telephony.resume(props.call))} />
      ))}
      {when('digits', () => (
        <ActButton icon="keypad" label={t('keypad')} pressed={props.keys} onClick={props.onKeys} />
      ))}
      {when('transfer', () => (
        <ActButton icon="transfer" label={t('transfer')} onClick={() => props.onPurpose('transfer')} />
      ))}
      {when('consult', () => (
        <ActButton icon="add" label={t('add')} onClick={() => props.onPurpose('add')} />
      ))}
      {when('park', () => (
        <ActButton icon="park" label={t('park')} onClick={act(() => park(props.call))} />
      ))}
      {when('take-here', () => (
        <ActButton icon="down" label={t('takeHere')} onClick={act(() => telephony.takeHere(props.call))} />
      ))}
      <Show when={props.call.device === 'browser' && isUp(props.call)}>
        <QualityButton call={props.call} />
      </Show>
      <Show when={rarely().length > 0}>
        <Menu class="up" label={t('moreActs')} items={rarely()} />
      </Show>
      {when('hang-up', () => (
        <ActButton icon="hangup" kind="danger" label={t(isUp(props.call) ? 'end' : 'giveUp')} shortcut={shortcut().decline} onClick={act(() => telephony.hangUp(props.call))} />
      ))}
    </div>
  );
}

async function park(call: Call): Promise<void> {
  const slot = await telephony.park(call);
  notify(t('parked', { slot }), 'good');
}

function rareActs(call: Call, can: (act: Act) => boolean): MenuItem[] {
  const { pictures } = call;
  const all: (MenuItem & { is: boolean })[] = [
    { is: can('video'), text: t(pictures.mine ? 'videoOff' : 'video'), icon: 'video', do: () => void attempt(() => telephony.phone.camera(call.id, !pictures.mine)) },
    { is: can('screen'), text: t(pictures.screen ? 'screenOff' : 'screen'), icon: 'screen', do: () => void attempt(() => telephony.phone.screen(call.id, !pictures.screen)) },
    { is: can('record'), text: t(call.recording ? 'recordOff' : 'record'), icon: 'bell', do: () => void attempt(() => telephony.record(call, !call.recording)) },
    { is: call.peer.jid !== undefined, text: t('next.chat'), icon: 'chat', do: () => chatWith(call.peer.jid ?? '') },
    { is: canPopOut() && !isOut(), text: t('popOut'), icon: 'copy', do: () => void popOut(() => <Cards calls={telephony.calls()} />) },
  ];
  return all.filter(one => one.is);
}

/** What to do about two calls at once: the one that waits is named first. */
function Two(props: { one: Call; other: Call }) {
  const both = () => ({ one: who(props.one), other: who(props.other) });
  return (
    <div class="call-two" role="group" aria-label={t('consulting', both())}>
      <p class="small">{props.one.state === 'held' && props.other.state === 'talking' ? t('consulting', both()) : ''}</p>
      <Button icon="transfer" kind="main" onClick={() => void attempt(() => telephony.join(props.one, props.other))}>
        {t('join', both())}
      </Button>
      <Button icon="join" onClick={() => void attempt(() => telephony.merge(props.one, props.other))}>
        {t('merge')}
      </Button>
      <Button icon="play" onClick={() => void attempt(() => telephony.swap(props.one, props.other))}>
        {t('swap')}
      </Button>
    </div>
  );
}

/** A call that is over: what can be done about it. */
function Over(props: { call: Call }) {
  const next = () => (props.call.ending && isFailure(props.call.ending) ? nextAct(props.call.ending) : 'none');
  const number = () => props.call.peer.number;
  const close = () => telephony.dismiss(props.call.id);
  const then = (act: () => unknown) => () => {
    close();
    act();
  };
  return (
    <div class="call-acts">
      <Show when={next() === 'call-again' || next() === 'call-back'}>
        <Button icon="phone" onClick={then(() => dial(number(), { on: props.call.device }))}>
          {t('next.call-again')}
        </Button>
      </Show>
      <Show when={next() === 'call-back'}>
        <Button icon="bell" onClick={then(() => attempt(() => telephony.callBack(number())))}>
          {t('next.call-back')}
        </Button>
      </Show>
      <Show when={props.call.peer.jid && ['chat', 'call-back'].includes(next())}>
        <Button icon="chat" onClick={then(() => chatWith(props.call.peer.jid ?? ''))}>
          {t('next.chat')}
        </Button>
      </Show>
      <Show when={next() === 'check-number'}>
        <Button icon="edit" onClick={then(() => go(`/calls?to=${encodeURIComponent(number())}`))}>
          {t('next.check-number')}
        </Button>
      </Show>
      <Show when={next() === 'check-microphone'}>
        <Button icon="microphone" onClick={then(() => go('/settings/calls'))}>
          {t('next.check-microphone')}
        </Button>
      </Show>
      <Show when={next() === 'ask-administrator' || next() === 'check-network'}>
        <p class="small soft">{t(`next.${next()}`)}</p>
      </Show>
      <IconButton icon="close" label={t('dismiss')} onClick={close} />
    </div>
  );
}

