// Calls that ring here: said at once, never taking the focus from whoever writes; one key answers.

import { For, Show } from 'solid-js';
import { type Call, nameOf } from '../../core/phone/call.ts';
import { Button } from '../../kit/controls.tsx';
import { Menu, notify } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { t, whoIs } from '../words-calls.ts';
import { preferences } from './preferences.ts';
import { attempt, chatWith, incoming, sendText, telephony } from './telephone.ts';

/** All of them, the first one on top. */
export function Incoming() {
  return (
    <div class="incoming-place">
      <For each={incoming().map(call => call.id)}>{id => <Show when={telephony.find(id)}>{call => <One call={call()} />}</Show>}</For>
    </div>
  );
}

function One(props: { call: Call }) {
  const who = () => whoIs(props.call.peer);
  const acts = () => telephony.acts(props.call);
  const about = () => `incoming-${props.call.id}`;
  return (
    <section class="incoming" role="alertdialog" aria-labelledby={about()} aria-describedby={`${about()}-more`}>
      <div class="incoming-who">
        <Avatar name={who()} address={props.call.peer.jid ?? props.call.peer.number} size="large" />
        <div>
          <p class="small soft">{t('incoming.title')}</p>
          <h2 id={about()}>
            <bdi>{who()}</bdi>
          </h2>
          <p id={`${about()}-more`} class="soft">
            {more(props.call)}
          </p>
        </div>
      </div>
      <div class="incoming-acts">
        <Show when={acts().includes('answer')}>
          <Button kind="good" icon="phone" class="big" aria-keyshortcuts={preferences().keys.answer} onClick={() => void attempt(() => telephony.answer(props.call))}>
            {t('answer')}
            <kbd>{preferences().keys.answer}</kbd>
          </Button>
        </Show>
        <Button kind="danger" icon="hangup" class="big" aria-keyshortcuts={preferences().keys.decline} onClick={() => void attempt(() => telephony.hangUp(props.call))}>
          {t('decline')}
        </Button>
        <Show when={acts().includes('answer')}>
          <Button kind="plain" icon="video" onClick={() => void attempt(() => telephony.answer(props.call, { video: true }))}>
            {t('answerVideo')}
          </Button>
        </Show>
        <Show when={acts().includes('answer-there')}>
          <Button kind={acts().includes('answer') ? 'plain' : 'good'} icon="device" onClick={() => void attempt(() => telephony.answerThere(props.call))}>
            {t('answerThere')}
          </Button>
        </Show>
        <Show when={props.call.peer.jid}>{jid => <Menu label={t('reply')} icon="chat" items={replies(props.call, jid())} />}</Show>
      </div>
    </section>
  );
}

/** What is said under the name. */
function more(call: Call): string {
  const parts = [call.peer.name ? call.peer.number : ''];
  if (call.line) parts.push(t('incoming.line', { line: call.line }));
  if (call.diverted) parts.push(t('incoming.diverted', { who: nameOf(call.diverted) }));
  if (call.device === 'desk') parts.push(t('incoming.elsewhere'));
  return parts.filter(Boolean).join(' · ');
}

function replies(call: Call, jid: string) {
  const send = (text: string) => () => {
    void attempt(() => telephony.hangUp(call));
    sendText(jid, text);
    notify(t('reply.sent', { text }), 'good');
  };
  const write = () => {
    void attempt(() => telephony.hangUp(call));
    chatWith(jid);
  };
  return [
    { text: t('reply.later'), do: send(t('reply.later')) },
    { text: t('reply.meeting'), do: send(t('reply.meeting')) },
    { text: t('reply.write'), do: write },
  ];
}
