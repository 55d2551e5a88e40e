// Signing in, and choosing a password in place of the one that was made up.

import { Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { asProblem } from '../parts/ask.ts';
import { inWords } from '../parts/problem.tsx';
import { choosePassword, session, signIn, signOut } from '../session.ts';
import { say } from '../words/shell.ts';

/** Asks who administers. */
export function SignIn() {
  const [user, setUser] = createSignal('');
  const [password, setPassword] = createSignal('');
  const [code, setCode] = createSignal('');
  const [wantsCode, setWantsCode] = createSignal(false);
  const [failure, setFailure] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  const act = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure('');
    try {
      await signIn(user().trim(), password(), code().replaceAll(' ', ''));
    } catch (error) {
      const problem = asProblem(error);
      const asksForCode = /code/.test(problem.type) || 'code' in problem.fields;
      if (asksForCode && !wantsCode()) setWantsCode(true);
      else setFailure(problem.status === 401 || problem.type.endsWith(':wrong-password') ? say('signIn.wrong') : inWords(problem));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={event => void act(event)}>
        <img src="/icon.svg" alt="" width="40" height="40" />
        <h1>{say('signIn.title')}</h1>
        <p class="soft">{location.hostname}</p>
        <Field label={say('signIn.user')} name="username" autocomplete="username" value={user()} onInput={setUser} required />
        <Field label={say('signIn.password')} name="password" type="password" autocomplete="current-password" value={password()} onInput={setPassword} required />
        <Show when={wantsCode()}>
          <Field label={say('signIn.code')} name="code" autocomplete="one-time-code" hint={say('signIn.codeHint')} value={code()} onInput={setCode} ref={element => queueMicrotask(() => element.focus())} />
        </Show>
        <Show when={failure()}><p class="error" role="alert">{failure()}</p></Show>
        <Button type="submit" kind="main" busy={busy()}>{say('signIn.act')}</Button>
        <p class="small soft">{say('signIn.help')}</p>
      </form>
    </main>
  );
}

/** Asks for a password of one's own. */
export function ChoosePassword() {
  const mustChoose = () => {
    const now = session();
    return now.state === 'in' && now.person.must_choose_password;
  };
  const [present, setPresent] = createSignal('');
  const [password, setPassword] = createSignal('');
  const [again, setAgain] = createSignal('');
  const [failure, setFailure] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  const act = async (event: Event) => {
    event.preventDefault();
    if (password() !== again()) { setFailure(say('choose.differ')); return; }
    setBusy(true);
    setFailure('');
    try {
      await choosePassword(present(), password());
      notify(say('choose.done'), 'good');
    } catch (error) {
      setFailure(inWords(asProblem(error)));
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={event => void act(event)}>
        <h1>{say('choose.title')}</h1>
        <p>{say('choose.text')}</p>
        <Show when={!mustChoose()}>
          <Field label={say('choose.present')} type="password" name="current" autocomplete="current-password" value={present()} onInput={setPresent} required />
        </Show>
        <Field label={say('choose.new')} type="password" name="new" autocomplete="new-password" value={password()} onInput={setPassword} required />
        <Field label={say('choose.again')} type="password" name="again" autocomplete="new-password" value={again()} onInput={setAgain} required />
        <Show when={failure()}><p class="error" role="alert">{failure()}</p></Show>
        <Button type="submit" kind="main" busy={busy()}>{say('choose.act')}</Button>
        <Button kind="quiet" onClick={() => void signOut()}>{say('signOut')}</Button>
      </form>
    </main>
  );
}
