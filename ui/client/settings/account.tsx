// Settings: the password, and signing out.

import { createSignal } from 'solid-js';
import { client, session, signOut } from '../../core/session.ts';
import { element } from '../../core/xml.ts';
import { localOf } from '../../core/xmpp/address.ts';
import { StanzaError } from '../../core/xmpp/client.ts';
import { REGISTER } from '../../core/xmpp/namespaces.ts';
import { Button, Field } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { go } from '../../kit/route.ts';
import { forgetMessenger } from '../im.ts';
import { why } from '../words-chat.ts';
import { t } from '../words-settings.ts';

const PASSWORD_CHARACTERS_MIN = 8;

export function Account() {
  return (
    <>
      <p>{t('signedInAs', { address: session.jid() })}</p>
      <Password />
      <section class="settings-form">
        <p class="soft">{t('signOutText')}</p>
        <div>
          <Button
            icon="signout"
            onClick={() => {
              void signOut(forgetMessenger);
              go('/', { replace: true });
            }}
          >
            {t('signOut')}
          </Button>
        </div>
      </section>
    </>
  );
}

/** XEP-0077 §3.3, over the stream that proves who we are. */
function Password() {
  const [first, setFirst] = createSignal('');
  const [again, setAgain] = createSignal('');
  const [problem, setProblem] = createSignal<string | undefined>();
  const [busy, setBusy] = createSignal(false);
  const change = async () => {
    if (first().length < PASSWORD_CHARACTERS_MIN) return setProblem(t('passwordShort', { count: PASSWORD_CHARACTERS_MIN }));
    if (first() !== again()) return setProblem(t('passwordDifferent'));
    setBusy(true);
    setProblem(undefined);
    try {
      const user = element('username', REGISTER, {}, localOf(client.bare));
      await client.iq('set', client.domain, element('query', REGISTER, {}, user, element('password', REGISTER, {}, first())));
      client.passwordChanged(first());
      setFirst('');
      setAgain('');
      notify(t('passwordChanged'), 'good');
    } catch (error) {
      setProblem(error instanceof StanzaError ? error.text || why(error.condition) : String(error));
    }
    setBusy(false);
  };
  return (
    <form
      class="settings-form"
      onSubmit={event => {
        event.preventDefault();
        void change();
      }}
    >
      <h3>{t('password')}</h3>
      <input class="hidden" type="text" autocomplete="username" value={session.jid()} readOnly tabindex="-1" aria-hidden="true" />
      <Field label={t('newPassword')} type="password" autocomplete="new-password" value={first()} onInput={setFirst} error={problem()} />
      <Field label={t('againPassword')} type="password" autocomplete="new-password" value={again()} onInput={setAgain} />
      <div>
        <Button type="submit" busy={busy()} disabled={!first()}>
          {t('change')}
        </Button>
      </div>
    </form>
  );
}
