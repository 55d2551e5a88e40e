// What a place shows when it has nothing to show: nothing yet, nothing at all, or that something went wrong.

import { For, type JSX, Show } from 'solid-js';
import { Button } from './controls.tsx';
import { Icon, type IconName } from './icons.tsx';
import { words } from './words.ts';
import './state.css';

/** Says what belongs here and offers the act that makes the first one. */
export function Empty(props: { icon: IconName; title: string; text?: string; children?: JSX.Element }) {
  return (
    <div class="empty">
      <Icon name={props.icon} size={36} />
      <h2>{props.title}</h2>
      <Show when={props.text}>
        <p class="soft">{props.text}</p>
      </Show>
      <Show when={props.children}>
        <div class="empty-acts">{props.children}</div>
      </Show>
    </div>
  );
}

/** The shape of rows that are on their way. */
export function Skeleton(props: { rows?: number }) {
  return (
    <div class="skeleton" role="status" aria-label={words('loading')}>
      <For each={Array.from({ length: props.rows ?? 4 })}>{() => <div class="skeleton-row" />}</For>
    </div>
  );
}

/** What went wrong and what to do next. */
export function Failure(props: { title: string; text?: string | undefined; onRetry?: () => void }) {
  return (
    <div class="failure" role="alert">
      <Icon name="warning" />
      <div>
        <strong>{props.title}</strong>
        <Show when={props.text}>
          <p>{props.text}</p>
        </Show>
      </div>
      <Show when={props.onRetry}>{retry => <Button onClick={() => retry()()}>{words('retry')}</Button>}</Show>
    </div>
  );
}
