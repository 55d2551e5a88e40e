// What holds for a line on all of its phones: do not disturb, forwards, speed dials. By the server's interface.

import { For, Show, Suspense, createResource, createSignal } from 'solid-js';
import type { LineId } from '../../core/cti/words.ts';
import { bare } from '../../core/phone/letters.ts';
import { type DoNotDisturb, FORWARD_WHEN, type Forward, type ForwardWhen, type LineChange, type SpeedDial } from '../../core/phone/self.ts';
import { Button, Choice, Field, IconButton } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { Failure, Skeleton } from '../../kit/state.tsx';
import { t } from '../words-calls.ts';
import { readSettings } from './known.ts';
import { attempt, self } from './telephone.ts';

const PLACES = 100;

/** See the module. */
export function LineSettings(props: { line: LineId }) {
  const [read, { refetch, mutate }] = createResource(() => props.line, line => self.line(line));
  const change: Change = (wanted, said) =>
    attempt(async () => {
      mutate(await self.change(props.line, wanted));
      if (said) notify(said, 'good');
      void readSettings();
    });
  return (
    <section aria-labelledby={`line-${props.line.number}`}>
      <h2 id={`line-${props.line.number}`}>{t('settings.line', { line: props.line.number })}</h2>
      <Show when={read.state !== 'errored'} fallback={<Failure title={t('settings.away')} onRetry={() => void refetch()} />}>
        <Suspense fallback={<Skeleton rows={4} />}>
          <Show when={read.latest}>{settings => (
            <>
              <Choice<DoNotDisturb | 'off'>
                label={t('settings.dnd')}
                value={settings().doNotDisturb || 'off'}
                options={(['off', 'reject', 'silent'] as const).map(value => ({ value, text: t(`dnd.${value}`) }))}
                onChange={mode => void change({ set: 'do-not-disturb', mode: mode === 'off' || mode === '' ? null : mode })}
              />
              <h3>{t('settings.forwards')}</h3>
              <ul class="list">
                <For each={FORWARD_WHEN}>{when => <ForwardRow when={when} forward={settings().forwards.find(one => one.when === when)} change={change} />}</For>
              </ul>
              <h3>{t('settings.speed')}</h3>
              <SpeedDialRows dials={settings().speedDials} change={change} />
            </>
          )}</Show>
        </Suspense>
      </Show>
    </section>
  );
}

type Change = (wanted: LineChange, said?: string) => Promise<void>;

function ForwardRow(props: { when: ForwardWhen; forward: Forward | undefined; change: Change }) {
  const [target, setTarget] = createSignal('');
  const set = () => void props.change({ set: 'forward', when: props.when, to: bare(target()) }, t('forward.done', { target: target() }));
  return (
    <li>
      <span>{t(`forward.${props.when}`)}</span>
      <Show
        when={props.forward}
        fallback={
          <>
            <Field label={`${t(`forward.${props.when}`)}: ${t('forward.to')}`} hideLabel placeholder={t('forward.to')} type="tel" value={target()} onInput={setTarget} />
            <Button disabled={target().trim() === ''} onClick={set}>
              {t('forward.set')}
            </Button>
          </>
        }
      >
        {forward => (
          <>
            <strong>{forward().target}</strong>
            <Button onClick={() => void props.change({ set: 'forward', when: props.when, to: null }, t('forward.ended'))}>{t('forward.end')}</Button>
          </>
        )}
      </Show>
    </li>
  );
}

function SpeedDialRows(props: { dials: SpeedDial[]; change: Change }) {
  const [target, setTarget] = createSignal('');
  const [label, setLabel] = createSignal('');
  const free = () => Array.from({ length: PLACES }, (_, place) => place).find(place => !props.dials.some(one => one.place === place)) ?? 0;
  const add = async () => {
    await props.change({ set: 'speed-dial', place: free(), dial: { number: bare(target()), label: label() } });
    setTarget('');
    setLabel('');
  };
  return (
    <>
      <ul class="list">
        <For each={props.dials}>
          {one => (
            <li>
              <span>
                <strong>{one.label || one.target}</strong> <span class="soft">{one.label ? one.target : ''}</span>
              </span>
              <span class="small soft">
                {t('speed.place')} {one.place}
              </span>
              <IconButton icon="trash" label={t('speed.remove', { who: one.label || one.target })} onClick={() => void props.change({ set: 'speed-dial', place: one.place, dial: null })} />
            </li>
          )}
        </For>
      </ul>
      <form
        class="row"
        onSubmit={event => {
          event.preventDefault();
          void add();
        }}
      >
        <Field label={t('speed.label')} value={label()} onInput={setLabel} />
        <Field label={t('speed.number')} type="tel" value={target()} onInput={setTarget} required />
        <Button type="submit" icon="add" disabled={target().trim() === ''}>
          {t('speed.add')}
        </Button>
      </form>
    </>
  );
}
