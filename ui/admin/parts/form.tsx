// Forms: fields described as data, sent in one go, with the server's objections beside the fields that they are about.

import { For, type JSX, Match, Show, Switch as Case, createSignal, onMount } from 'solid-js';
import { Button, Choice, Field, Switch } from '../../kit/controls.tsx';
import { Dialog, notify } from '../../kit/overlay.tsx';
import { words } from '../../kit/words.ts';
import { say } from '../words/parts.ts';
import { asProblem } from './ask.ts';
import { inWords } from './problem.tsx';
import './form.css';

/** What a form holds. */
export type Values = Record<string, string | boolean>;

/** One field. */
export type FieldSpec = {
  name: string;
  label: string;
  kind?: 'text' | 'password' | 'number' | 'tel' | 'email' | 'switch' | 'choice' | 'lines' | 'date';
  options?: readonly { value: string; text: string }[];
  hint?: string | undefined;
  required?: boolean;
  placeholder?: string;
  autocomplete?: string;
  /** Shown only when this holds. */
  when?: (values: Values) => boolean;
};

type FormProps = {
  fields: readonly FieldSpec[];
  values?: Values;
  /** Sends it; a problem that is thrown is shown. */
  onSend: (values: Values) => Promise<unknown>;
  send: string;
  /** Said when it was done. */
  done?: string;
  onCancel?: () => void;
  danger?: boolean;
  children?: JSX.Element;
};

/** A form. */
export function Form(props: FormProps) {
  const start = () => Object.fromEntries(props.fields.map(field => [field.name, props.values?.[field.name] ?? (field.kind === 'switch' ? false : (field.kind === 'choice' ? (field.options?.[0]?.value ?? '') : ''))]));
  const [values, setValues] = createSignal<Values>(start());
  const [errors, setErrors] = createSignal<Record<string, string>>({});
  const [failure, setFailure] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  let element!: HTMLFormElement;
  // In a dialog people have come to type.
  onMount(() => element.closest('dialog') && element.querySelector<HTMLElement>('input, select, textarea')?.focus());
  const shown = () => props.fields.filter(field => field.when?.(values()) ?? true);
  const put = (name: string, value: string | boolean) => {
    setValues(now => ({ ...now, [name]: value }));
    setErrors(({ [name]: _gone, ...rest }) => rest);
  };
  const send = async (event: Event) => {
    event.preventDefault();
    const missing = shown().filter(field => field.required && !values()[field.name]);
    setErrors(Object.fromEntries(missing.map(field => [field.name, say('required')])));
    if (missing.length > 0) return focusFirst(element);
    setBusy(true);
    setFailure('');
    try {
      await props.onSend(values());
      if (props.done) notify(props.done, 'good');
    } catch (error) {
      const problem = asProblem(error);
      const known = Object.entries(problem.fields).filter(([name]) => props.fields.some(field => field.name === name));
      setErrors(Object.fromEntries(known));
      if (known.length === 0) setFailure(inWords(problem));
      focusFirst(element);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="form" ref={element} onSubmit={event => void send(event)} novalidate>
      {props.children}
      <For each={shown()}>
        {field => <FormField field={field} value={values()[field.name] ?? ''} error={errors()[field.name]} put={value => put(field.name, value)} />}
      </For>
      <Show when={failure()}>
        <p class="error" role="alert">{failure()}</p>
      </Show>
      <div class="form-acts">
        <Button type="submit" kind={props.danger ? 'danger' : 'main'} busy={busy()}>{props.send}</Button>
        <Show when={props.onCancel}>{cancel => <Button onClick={() => cancel()()}>{words('cancel')}</Button>}</Show>
      </div>
    </form>
  );
}

function focusFirst(form: HTMLFormElement): void {
  queueMicrotask(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
}

function FormField(props: { field: FieldSpec; value: string | boolean; error: string | undefined; put: (value: string | boolean) => void }) {
  const text = () => String(props.value);
  return (
    <Case
      fallback={
        <Field
          label={props.field.label}
          type={(props.field.kind ?? 'text') as 'text'}
          name={props.field.name}
          value={text()}
          onInput={props.put}
          hint={props.field.hint}
          error={props.error}
          {...(props.field.required ? { required: true } : {})}
          {...(props.field.placeholder ? { placeholder: props.field.placeholder } : {})}
          autocomplete={props.field.autocomplete ?? (props.field.kind === 'password' ? 'new-password' : 'off')}
        />
      }
    >
      <Match when={props.field.kind === 'switch'}>
        <Switch label={props.field.label} on={props.value === true} onChange={props.put} {...(props.field.hint ? { hint: props.field.hint } : {})} />
      </Match>
      <Match when={props.field.kind === 'choice'}>
        <Choice label={props.field.label} value={text()} options={props.field.options ?? []} onChange={props.put} hint={props.error ?? props.field.hint} />
      </Match>
      <Match when={props.field.kind === 'lines'}>
        <Lines field={props.field} value={text()} error={props.error} put={props.put} />
      </Match>
    </Case>
  );
}

function Lines(props: { field: FieldSpec; value: string; error: string | undefined; put: (value: string) => void }) {
  const id = () => `form-${props.field.name}`;
  return (
    <div class="field">
      <label for={id()}>{props.field.label}</label>
      <textarea
        id={id()}
        value={props.value}
        placeholder={props.field.placeholder}
        spellcheck={false}
        aria-invalid={props.error ? 'true' : undefined}
        aria-describedby={`${id()}-about`}
        onInput={event => props.put(event.currentTarget.value)}
      />
      <p id={`${id()}-about`} class="small" classList={{ error: Boolean(props.error), soft: !props.error }}>{props.error ?? props.field.hint}</p>
    </div>
  );
}

/** A form in a dialog, which closes when it was done. */
export function FormDialog(props: FormProps & { title: string; onClose: () => void; wide?: boolean }) {
  const send = async (values: Values) => {
    await props.onSend(values);
    props.onClose();
  };
  return (
    <Dialog title={props.title} onClose={props.onClose} {...(props.wide ? { wide: true } : {})}>
      <Form {...props} onSend={send} onCancel={props.onClose} />
    </Dialog>
  );
}

type ConfirmProps = {
  title: string;
  /** What will happen, and whether it can be undone. */
  text: string;
  act: string;
  /** Has to be typed, for what cannot be undone. */
  name?: string;
  onDo: () => Promise<unknown>;
  onClose: () => void;
  done?: string;
};

/** Asks before something that cannot be undone. */
export function Confirm(props: ConfirmProps) {
  const [typed, setTyped] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  const [failure, setFailure] = createSignal('');
  const act = async () => {
    setBusy(true);
    setFailure('');
    try {
      await props.onDo();
      if (props.done) notify(props.done, 'good');
      props.onClose();
    } catch (error) {
      setFailure(inWords(asProblem(error)));
      setBusy(false);
    }
  };
  const foot = (
    <>
      <Button onClick={() => props.onClose()}>{words('cancel')}</Button>
      <Button kind="danger" busy={busy()} disabled={Boolean(props.name) && typed() !== props.name} onClick={() => void act()}>{props.act}</Button>
    </>
  );
  return (
    <Dialog title={props.title} onClose={() => props.onClose()} foot={foot}>
      <p>{props.text}</p>
      <Show when={props.name}>
        {name => <Field label={say('confirmType', { name: name() })} value={typed()} onInput={setTyped} autocomplete="off" />}
      </Show>
      <Show when={failure()}><p class="error" role="alert">{failure()}</p></Show>
    </Dialog>
  );
}

/** Asks for a confirmation when something is set; one at a time. */
export function confirmer() {
  const [asked, setAsked] = createSignal<Omit<ConfirmProps, 'onClose'> | null>(null);
  const Place = () => <Show when={asked()} keyed>{what => <Confirm {...what} onClose={() => setAsked(null)} />}</Show>;
  return { ask: setAsked, Place };
}
