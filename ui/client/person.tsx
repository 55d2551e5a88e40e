// A person as rows and headers show them: picture, name, what they do and since when.

import { Show } from 'solid-js';
import { formatTime } from '../kit/language.ts';
import { Avatar } from '../kit/person.tsx';
import { words } from '../kit/words.ts';
import { im } from './im.ts';
import { plain } from './text.ts';
import { t } from './words-chat.ts';

const DAY_MILLISECONDS = 86_400_000;

/** What somebody does, in one line. */
export function reason(jid: string): string {
  const { show, status, since, source } = im().people.presence(jid);
  const parts = [status && show !== 'calling' ? plain(status) : words(`presence.${show}`)];
  if (source === 'line') parts.push(t('phoneSource'));
  if (source === 'calendar') parts.push(t('calendarSource'));
  if (since !== undefined && show !== 'available') parts.push(t('since', { time: timeOf(since) }));
  return parts.join(' · ');
}

/** The time of today, or the day. */
export function timeOf(at: number): string {
  const today = new Date().toDateString() === new Date(at).toDateString();
  if (today) return formatTime(at, { hour: '2-digit', minute: '2-digit' });
  return formatTime(at, Date.now() - at < 6 * DAY_MILLISECONDS ? { weekday: 'short' } : { dateStyle: 'short' });
}

export function PersonAvatar(props: { jid: string; size?: 'small' | 'large' }) {
  const name = () => im().people.nameOf(props.jid);
  return <Avatar name={name()} address={props.jid} state={im().people.presence(props.jid).show} {...(props.size ? { size: props.size } : {})} />;
}

/** Picture, name and reason side by side. */
export function PersonLine(props: { jid: string }) {
  return (
    <span class="person-line">
      <PersonAvatar jid={props.jid} />
      <span class="person-text">
        <bdi class="person-name">{plain(im().people.nameOf(props.jid))}</bdi>
        <Show when={im().people.presence(props.jid).show !== 'unknown'}>
          <span class="soft small">
            <bdi>{reason(props.jid)}</bdi>
          </span>
        </Show>
      </span>
    </span>
  );
}
