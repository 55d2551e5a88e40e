// The list of keys. Ctrl/Cmd+/.

import { For } from 'solid-js';
import { Dialog } from '../kit/overlay.tsx';
import { SHORTCUTS } from './shortcuts.ts';
import { t } from './words-settings.ts';

export default function ShortcutsSheet(props: { onClose: () => void }) {
  return (
    <Dialog title={t('shortcuts')} onClose={props.onClose}>
      <dl class="shortcuts">
        <For each={SHORTCUTS}>
          {([keys, name]) => (
            <div>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{t(name)}</dd>
            </div>
          )}
        </For>
      </dl>
    </Dialog>
  );
}
