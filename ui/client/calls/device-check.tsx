// Is one heard, does one hear, is one seen: before the first call (S3).

import { Show, createSignal, onCleanup } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { t } from '../words-calls.ts';
import { preferences } from './preferences.ts';
import { once } from './ring.ts';
import { dial } from './telephone.ts';

/** Root mean square above which somebody speaks. */
const SPEECH = 0.02;
/** A tone that everybody hears: a major chord. */
const CHORD = { notes: [{ hertz: [523, 659, 784], at: 0, lasts: 1.2, fades: true }], every: 2 };

/** The level meter, the tone, the picture. */
export function DeviceCheck() {
  const [level, setLevel] = createSignal(0);
  const [heard, setHeard] = createSignal(false);
  const [failure, setFailure] = createSignal<'check.denied' | 'check.noDevice' | null>(null);
  const [stream, setStream] = createSignal<MediaStream | null>(null);
  const [picture, setPicture] = createSignal<MediaStream | null>(null);
  let context: AudioContext | undefined;

  const stop = () => {
    for (const one of [stream(), picture()]) one?.getTracks().forEach(track => track.stop());
    setStream(null);
    setPicture(null);
    void context?.close();
    context = undefined;
  };
  onCleanup(stop);

  const begin = async () => {
    setFailure(null);
    setHeard(false);
    try {
      const { microphone } = preferences();
      const given = await navigator.mediaDevices.getUserMedia({ audio: microphone ? { deviceId: { ideal: microphone } } : true });
      setStream(given);
      context = new AudioContext();
      const meter = context.createAnalyser();
      meter.fftSize = 1024;
      context.createMediaStreamSource(given).connect(meter);
      const samples = new Float32Array(meter.fftSize);
      const look = () => {
        if (!stream()) return;
        meter.getFloatTimeDomainData(samples);
        const power = Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
        setLevel(Math.min(1, power * 4));
        if (power > SPEECH) setHeard(true);
        requestAnimationFrame(look);
      };
      look();
    } catch (error) {
      setFailure(error instanceof DOMException && error.name === 'NotFoundError' ? 'check.noDevice' : 'check.denied');
    }
  };
  const show = async () => {
    const { camera } = preferences();
    setPicture(await navigator.mediaDevices.getUserMedia({ video: camera ? { deviceId: { ideal: camera } } : true }).catch(() => null));
  };
  return (
    <section aria-labelledby="check-title" class="device-check">
      <h3 id="check-title">{t('check.title')}</h3>
      <Show when={failure()}>{why => <p class="error" role="alert">{t(why())}</p>}</Show>
      <Show when={stream()}>
        <p>{t('check.speak')}</p>
        <meter class="check-level" min="0" max="1" value={level()} aria-label={t('check.level')} />
        <p role="status">{t(heard() ? 'check.heard' : 'check.quiet')}</p>
      </Show>
      <Show when={picture()}>
        {given => (
          <video
            ref={element => {
              element.srcObject = given();
              void element.play().catch(() => undefined);
            }}
            class="check-picture"
            autoplay
            playsinline
            muted
            aria-label={t('settings.camera')}
          />
        )}
      </Show>
      <div class="row">
        <Show when={stream()} fallback={<Button icon="microphone" onClick={() => void begin()}>{t('settings.check')}</Button>}>
          <Button icon="bell" onClick={() => once(CHORD, 0.5)}>{t('check.tone')}</Button>
          <Button icon="video" onClick={() => void show()}>{t('check.picture')}</Button>
          <Button icon="phone" onClick={() => void dial('600')}>{t('check.echo')}</Button>
          <Button icon="close" onClick={stop}>{t('dismiss')}</Button>
        </Show>
      </div>
    </section>
  );
}
