// What the server answered, shown as it is: texts, lists of texts, tables of objects.

import { For, Match, Show, Switch } from 'solid-js';
import { say } from '../words/parts.ts';

const scalar = (value: unknown): value is string | number | boolean | null | undefined => value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value);

const text = (value: unknown): string => {
  if (value === null || value === undefined || value === '') return say('none');
  if (typeof value === 'boolean') return say(value ? 'yes' : 'no');
  return String(value);
};

/** A name as people write it. */
export const title = (name: string): string => {
  const words = name.replaceAll(/[_-]/g, ' ').replace(/([a-z])([A-Z])/g, '$1 $2').toLocaleLowerCase();
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
};

/** One value under its name. */
export function Plain(props: { name?: string; value: unknown }) {
  const list = () => (Array.isArray(props.value) ? (props.value as unknown[]) : []);
  const entries = () => Object.entries(props.value as Record<string, unknown>);
  return (
    <div class="plain-value">
      <Show when={props.name}>{name => <h3>{title(name())}</h3>}</Show>
      <Switch>
        <Match when={scalar(props.value)}><p>{text(props.value)}</p></Match>
        <Match when={Array.isArray(props.value)}>
          <Show when={list().length > 0} fallback={<p class="soft">{say('none')}</p>}>
            <ol class="plain-list"><For each={list()}>{value => <li><Show when={scalar(value)} fallback={<Plain value={value} />}>{text(value)}</Show></li>}</For></ol>
          </Show>
        </Match>
        <Match when={true}>
          <dl class="facts"><For each={entries()}>{([name, value]) => <div><dt>{title(name)}</dt><dd><Show when={scalar(value)} fallback={<Plain value={value} />}>{text(value)}</Show></dd></div>}</For></dl>
        </Match>
      </Switch>
    </div>
  );
}
