// How the connection of a call is: one word in the bar, numbers in a drawer.

import { For, Show, createSignal, onCleanup } from 'solid-js';
import type { Call } from '../../core/phone/call.ts';
import { type Quality, type Sample, judge, sampleOf } from '../../core/phone/quality.ts';
import { Dialog } from '../../kit/overlay.tsx';
import { t } from '../words-calls.ts';
import { telephony } from './telephone.ts';

const EVERY_MILLISECONDS = 5_000;

/** Measures as long as it is shown. */
function measure(call: () => Call): () => Quality | null {
  const [quality, setQuality] = createSignal<Quality | null>(null);
  let before: Sample | null = null;
  const look = async () => {
    const now = sampleOf(await telephony.phone.stats(call().id), Date.now());
    if (before) setQuality(judge(before, now, call().state === 'talking' && !call().waiting));
    before = now;
  };
  const timer = setInterval(() => void look(), EVERY_MILLISECONDS);
  void look();
  onCleanup(() => clearInterval(timer));
  return quality;
}

/** Says it in words; a press shows the numbers. */
export function QualityButton(props: { call: Call }) {
  const quality = measure(() => props.call);
  const [open, setOpen] = createSignal(false);
  const grade = () => quality()?.grade ?? 'unknown';
  return (
    <>
      <button type="button" class={`call-act quality ${grade()}`} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <svg class="bars" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
          <For each={[5, 10, 15]}>{(height, index) => <rect x={2 + index() * 6} y={18 - height} width="4" height={height} classList={{ full: index() < { unknown: 0, poor: 1, fair: 2, good: 3 }[grade()] }} />}</For>
        </svg>
        <span>{t(`quality.${grade()}`)}</span>
      </button>
      <Show when={open()}>
        <Dialog title={t('quality.title')} onClose={() => setOpen(false)}>
          <Details quality={quality()} />
        </Dialog>
      </Show>
    </>
  );
}

function rows(of: Quality): [string, string][] {
  return [
    [t('quality.codec'), of.codec || t('quality.none')],
    [t('quality.loss'), `${of.loss.toFixed(1)} %`],
    [t('quality.lossThere'), of.lossThere === null ? t('quality.none') : `${of.lossThere.toFixed(1)} %`],
    [t('quality.jitter'), `${of.jitterMilliseconds} ms`],
    [t('quality.roundTrip'), of.roundTripMilliseconds === null ? t('quality.none') : `${of.roundTripMilliseconds} ms`],
    [t('quality.rate'), `${of.kilobitsIn} / ${of.kilobitsOut} kbit/s`],
    [t('quality.path'), of.path || t('quality.none')],
  ];
}

function Details(props: { quality: Quality | null }) {
  return (
    <Show when={props.quality} fallback={<p class="soft">{t('quality.unknown')}</p>}>
      {of => (
        <>
          <p>
            <strong>{t(`quality.${of().grade}`)}.</strong> {of().trouble ? t(`trouble.${of().trouble as NonNullable<Quality['trouble']>}`) : t('quality.fine')}
          </p>
          <dl class="facts">
            <For each={rows(of())}>
              {([name, value]) => (
                <>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </>
              )}
            </For>
          </dl>
        </>
      )}
    </Show>
  );
}
