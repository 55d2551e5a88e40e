// Signing in: one field for the work address, the search for its server step by step, then the password.

import { For, Match, Show, Switch, createSignal } from 'solid-js';
import { findServer, lastAddress, refusalOf, session, signInWith } from '../../core/session.ts';
import { domainOf, workAddress } from '../../core/xmpp/address.ts';
import type { Step } from '../../core/xmpp/discovery.ts';
import { Button, Field } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { t } from '../words-shell.ts';
import './sign-in.css';

type ErrorName = Parameters<typeof t>[0] & `error.${string}`;

export default function SignIn() {
  const [address, setAddress] = createSignal(lastAddress());
  const [password, setPassword] = createSignal('');
  const [server, setServer] = createSignal<string | null>(null);
  const [steps, setSteps] = createSignal<Step[]>([]);
  const [wrong, setWrong] = createSignal<string | null>(null);
  const [refusal, setRefusal] = createSignal<string | null>(endedBy());
  const [busy, setBusy] = createSignal(false);
  const domain = () => domainOf(workAddress(address()) ?? address());

  const find = async () => {
    const written = workAddress(address());
    if (!globalThis.isSecureContext) return setRefusal(t('error.insecure'));
    if (!written) return setWrong(t('addressWrong'));
    setAddress(written);
    setWrong(null);
    setRefusal(null);
    setBusy(true);
    try {
      setServer(await findServer(written, setSteps, new URL(location.href)));
    } catch {
      setServer(null);
      setRefusal(t('notFound', { domain: domain() }));
    }
    setBusy(false);
  };

  const enter = async () => {
    const where = server();
    if (!where) return;
    setBusy(true);
    setRefusal(null);
    try {
      await signInWith(where, address(), password());
    } catch (error) {
      const name: ErrorName = `error.${refusalOf(error)}`;
      setRefusal(t(name, { domain: domain() }));
    }
    setBusy(false);
  };

  return (
    <main class="sign-in">
      <form
        class="sign-in-card"
        onSubmit={event => {
          event.preventDefault();
          void (server() ? enter() : find());
        }}
      >
        <img src="/icon.svg" alt="" width="48" height="48" />
        <h1>{t('signInTo')}</h1>
        <Show when={refusal()}>
          {text => (
            <div class="sign-in-error" role="alert">
              <Icon name="warning" />
              <p>{text()}</p>
            </div>
          )}
        </Show>
        <Switch>
          <Match when={server()}>
            <input class="hidden" type="text" name="username" autocomplete="username" value={address()} tabindex="-1" readOnly aria-hidden="true" />
            <p class="sign-in-who">
              <bdi>{address()}</bdi>
              <Button kind="quiet" onClick={() => setServer(null)}>
                {t('changeAddress')}
              </Button>
            </p>
            <Field
              ref={element => queueMicrotask(() => element.focus())}
              label={t('password')}
              type="password"
              name="password"
              autocomplete="current-password"
              value={password()}
              onInput={setPassword}
              required
            />
            <Button kind="main" type="submit" busy={busy()}>
              {t('signIn')}
            </Button>
          </Match>
          <Match when={true}>
            <Field
              ref={element => queueMicrotask(() => element.focus())}
              label={t('address')}
              type="email"
              name="username"
              autocomplete="username"
              value={address()}
              onInput={setAddress}
              hint={t('addressHint')}
              error={wrong() ?? undefined}
              required
            />
            <Button kind="main" type="submit" busy={busy()}>
              {t('next')}
            </Button>
          </Match>
        </Switch>
        <Steps steps={steps()} domain={domain()} found={server() !== null} />
      </form>
    </main>
  );
}

/** Why the last session ended, when it ended by itself. */
function endedBy(): string | null {
  const state = session.state();
  if (state.is !== 'refused') return null;
  return state.why === 'conflict' ? t('error.conflict') : t(`error.${state.refusal}`);
}

function Steps(props: { steps: Step[]; domain: string; found: boolean }) {
  const failed = () => props.steps.length > 0 && props.steps.every(step => step.state === 'failed');
  return (
    <Show when={props.steps.length > 0 && !props.found}>
      <section class="sign-in-steps" aria-live="polite">
        <h2>{failed() ? t('notFound', { domain: props.domain }) : t('looking', { domain: props.domain })}</h2>
        <ul>
          <For each={props.steps}>
            {step => (
              <li class={step.state}>
                <Icon name={step.state === 'found' ? 'check' : step.state === 'failed' ? 'close' : 'clock'} size={16} />
                <span>
                  {t(`step.${step.what}`, { host: new URL(step.address).host })}: {t(`state.${step.state}`)}
                  <Show when={step.state === 'failed'}> ({step.detail})</Show>
                </span>
              </li>
            )}
          </For>
        </ul>
        <Show when={failed()}>
          <p class="soft small">{t('notFoundText', { domain: props.domain })}</p>
        </Show>
      </section>
    </Show>
  );
}
