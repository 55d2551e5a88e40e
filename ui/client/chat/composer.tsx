// Where one writes: text, replies, edits, mentions, files.

import { For, Show, createEffect, createSignal, on, onCleanup } from 'solid-js';
import type { Message } from '../../core/im/message.ts';
import { IconButton } from '../../kit/controls.tsx';
import { language } from '../../kit/language.ts';
import { im } from '../im.ts';
import { bytes, plain } from '../text.ts';
import { t, why } from '../words-chat.ts';
import { EmojiButton } from './emoji.tsx';
import { type Upload, dismissUpload, sendFile, uploadsTo } from './uploads.ts';

/** What is being answered or changed. */
export type Aim = { reply?: Message; edit?: Message };
type Props = { jid: string; aim: Aim; setAim: (aim: Aim) => void; editLast: () => void; disabled: boolean };

const TYPING_PAUSE_MILLISECONDS = 4000;
const MENTIONS_SHOWN = 6;

export function Composer(props: Props) {
  let field!: HTMLTextAreaElement;
  let files!: HTMLInputElement;
  let paused: ReturnType<typeof setTimeout> | undefined;
  const [text, setText] = createSignal(im().chats.peek(props.jid)?.draft ?? '');
  const [caret, setCaret] = createSignal(0);
  const room = () => im().kindOf(props.jid) === 'room';
  const name = () => plain(im().titleOf(props.jid));

  const grow = () => {
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight + 2, innerHeight * 0.4)}px`;
  };
  createEffect(on(text, grow));
  createEffect(
    on(
      () => props.aim,
      aim => {
        if (aim.edit) setText(aim.edit.body);
        if (aim.edit || aim.reply) field.focus();
      },
      { defer: true },
    ),
  );
  onCleanup(() => {
    if (props.aim.edit) return;
    const draft = text().trim() ? text() : undefined;
    if (im().chats.peek(props.jid)?.draft !== draft) im().chats.change(props.jid, { draft });
  });

  const typed = (value: string) => {
    setText(value);
    setCaret(field.selectionStart);
    if (paused === undefined && value) im().sayTyping(props.jid, true);
    clearTimeout(paused);
    paused = value ? setTimeout(pause, TYPING_PAUSE_MILLISECONDS) : undefined;
  };
  const pause = () => {
    paused = undefined;
    im().sayTyping(props.jid, false);
  };

  const send = async () => {
    const body = text().trim();
    const { reply, edit } = props.aim;
    clearTimeout(paused);
    paused = undefined;
    if (!body) return;
    setText('');
    props.setAim({});
    im().chats.change(props.jid, { draft: undefined });
    if (edit) {
      if (edit.body !== body) await im().outbox.edit(edit, body);
    } else await im().outbox.send(props.jid, { body, reply, mentions: room() ? mentionsIn(props.jid, body) : undefined });
  };

  /** The beginning of a name after an @, just before the caret. */
  const wanted = () => (room() ? (/(?:^|\s)@(\S{0,30})$/u.exec(text().slice(0, caret()))?.[1] ?? null) : null);
  const matching = () => {
    const begun = wanted()?.toLowerCase();
    if (begun === undefined) return [];
    const names = [...(im().rooms.room(props.jid)?.occupants.keys() ?? [])];
    return names.filter(one => one.toLowerCase().startsWith(begun)).slice(0, MENTIONS_SHOWN);
  };
  const complete = (nick: string) => {
    const before = text().slice(0, caret()).replace(/@\S*$/u, `@${nick} `);
    setText(before + text().slice(caret()));
    field.focus();
    field.setSelectionRange(before.length, before.length);
    setCaret(before.length);
  };

  const keys = (event: KeyboardEvent) => {
    const first = matching()[0];
    const whole = first?.toLowerCase() === wanted()?.toLowerCase();
    if (event.isComposing) return;
    if ((event.key === 'Tab' || (event.key === 'Enter' && !whole)) && first !== undefined) {
      event.preventDefault();
      complete(first);
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      void send();
    } else if (event.key === 'ArrowUp' && !text()) {
      event.preventDefault();
      props.editLast();
    } else if (event.key === 'Escape' && (props.aim.edit || props.aim.reply)) {
      event.stopPropagation();
      cancel();
    }
  };
  const cancel = () => {
    if (props.aim.edit) setText('');
    props.setAim({});
  };
  const insert = (emoji: string) => {
    const at = field.selectionStart;
    typed(text().slice(0, at) + emoji + text().slice(field.selectionEnd));
    queueMicrotask(() => field.setSelectionRange(at + emoji.length, at + emoji.length));
    field.focus();
  };

  return (
    <form
      class="composer"
      onSubmit={event => {
        event.preventDefault();
        void send();
      }}
    >
      <For each={uploadsTo(props.jid)}>{one => <UploadRow upload={one} />}</For>
      <Show when={props.aim.reply ?? props.aim.edit}>
        {message => (
          <div class="aim">
            <p>
              <span class="small">{props.aim.edit ? t('editing') : t('replyingTo', { name: plain(im().senderOf(message())) })}</span>
              <bdi class="soft">{message().body}</bdi>
            </p>
            <IconButton icon="close" label={t('cancelEdit')} onClick={cancel} />
          </div>
        )}
      </Show>
      <Show when={matching().length > 0}>
        <ul class="mentions" aria-label={t('mentionList')}>
          <For each={matching()}>
            {nick => (
              <li>
                <button type="button" class="chip" onClick={() => complete(nick)}>
                  @{plain(nick)}
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <div class="composer-row">
        <input
          ref={files}
          type="file"
          multiple
          hidden
          onChange={() => {
            for (const file of files.files ?? []) void sendFile(props.jid, file);
            files.value = '';
          }}
        />
        <IconButton icon="attach" label={t('attach')} disabled={props.disabled} onClick={() => files.click()} />
        <textarea
          ref={field}
          class="input"
          rows="1"
          dir="auto"
          value={text()}
          placeholder={t('write', { name: name() })}
          aria-label={t('write', { name: name() })}
          disabled={props.disabled}
          onInput={event => typed(event.currentTarget.value)}
          onKeyDown={keys}
          onKeyUp={() => setCaret(field.selectionStart)}
          onClick={() => setCaret(field.selectionStart)}
          onPaste={event => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            if (pasted.length === 0) return;
            event.preventDefault();
            for (const file of pasted) void sendFile(props.jid, file);
          }}
        />
        <EmojiButton onChoose={insert} />
        <button type="submit" class="button main send" aria-label={t('send')} title={t('send')} disabled={props.disabled || !text().trim()}>
          <svg class="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
            <path d="M3 11 21 3l-7 18-3-7z" />
          </svg>
        </button>
      </div>
    </form>
  );
}

/** Lengths are told in code points (XEP-0372 §3). */
const points = (text: string): number => Array.from(text).length;

/** Where in a text people of the room are named, with the addresses that we see. */
function mentionsIn(room: string, body: string): { jid: string; begin: number; end: number }[] {
  const found: { jid: string; begin: number; end: number }[] = [];
  for (const { nick, jid } of im().rooms.room(room)?.occupants.values() ?? []) {
    const at = jid ? body.indexOf(`@${nick}`) : -1;
    if (jid && at >= 0) found.push({ jid, begin: points(body.slice(0, at)), end: points(body.slice(0, at + nick.length + 1)) });
  }
  return found;
}

function UploadRow(props: { upload: Upload }) {
  const name = () => plain(props.upload.file.name);
  const problem = () => {
    const error = props.upload.problem;
    return error && t(`file.${error.why}`, { name: name(), limit: bytes(Number(error.message) || 0, language()), why: error.message.startsWith('HTTP') ? error.message : why(error.message) });
  };
  return (
    <div class="upload" role="status">
      <Show
        when={problem()}
        fallback={
          <>
            <label class="upload-name">
              {t('uploading', { name: name(), percent: Math.round(props.upload.share * 100) })}
              <progress max="1" value={props.upload.share} />
            </label>
            <button type="button" class="button quiet" onClick={() => props.upload.stop.abort()}>
              {t('stop')}
            </button>
          </>
        }
      >
        {text => (
          <>
            <p class="error upload-name">{text()}</p>
            <Show when={props.upload.problem?.why !== 'too-large'}>
              <button
                type="button"
                class="button quiet"
                onClick={() => {
                  dismissUpload(props.upload.id);
                  void sendFile(props.upload.chat, props.upload.file);
                }}
              >
                {t('retry')}
              </button>
            </Show>
            <IconButton icon="close" label={t('dismiss')} onClick={() => dismissUpload(props.upload.id)} />
          </>
        )}
      </Show>
    </div>
  );
}
