// The area Chats: the list, and the conversation that is chosen of it.

import { Show, createSignal } from 'solid-js';
import { match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { messenger } from '../im.ts';
import { t } from '../words-chat.ts';
import { Conversation } from './conversation.tsx';
import { ChatList } from './list.tsx';
import { FindRoom, NewRoom } from './room-dialogs.tsx';
import './chat.css';

const chosen = () => match('/chats/:jid', route().path)?.['jid'] ?? null;

export default function Chats() {
  const [dialog, setDialog] = createSignal<'new-room' | 'find-room' | null>(null);
  return (
    <Show when={messenger()}>
      <div class="panes" classList={{ chosen: chosen() !== null }}>
        <ChatList chosen={chosen()} onNewRoom={() => setDialog('new-room')} onFindRoom={() => setDialog('find-room')} />
        <section class="pane-main" aria-label={t('timeline')}>
          <Show when={chosen()} keyed fallback={<Empty icon="chat" title={t('choose')} text={t('chooseText')} />}>
            {jid => <Conversation jid={jid} />}
          </Show>
        </section>
      </div>
      <Show when={dialog() === 'new-room'}>
        <NewRoom onClose={() => setDialog(null)} />
      </Show>
      <Show when={dialog() === 'find-room'}>
        <FindRoom onClose={() => setDialog(null)} />
      </Show>
    </Show>
  );
}
