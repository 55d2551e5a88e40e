// Buttons and fields: labelled, at least 24 pixels, with the error beside what it is about.

import { type JSX, Show, createUniqueId, splitProps } from 'solid-js';
import { Icon, type IconName } from './icons.tsx';
import './controls.css';

type ButtonProps = JSX.ButtonHTMLAttributes<HTMLButtonElement> & {
  /** `main` is the one thing that a place is for; `danger` cannot be undone. */
  kind?: 'main' | 'plain' | 'quiet' | 'danger' | 'good';
  icon?: IconName;
  /** Work is under way: it cannot be pressed again. */
  busy?: boolean;
};

/** A button with a text, perhaps with a picture before it. */
export function Button(props: ButtonProps) {
  const [own, rest] = splitProps(props, ['kind', 'icon', 'busy', 'children', 'class', 'type', 'disabled']);
  return (
    <button
      {...rest}
      type={own.type ?? 'button'}
      class={`button ${own.kind ?? 'plain'} ${own.class ?? ''}`}
      disabled={own.disabled || own.busy}
      aria-busy={own.busy ? 'true' : undefined}
    >
      <Show when={own.icon}>{icon => <Icon name={icon()} size={18} />}</Show>
      <span>{own.children}</span>
    </button>
  );
}

type IconButtonProps = JSX.ButtonHTMLAttributes<HTMLButtonElement> & { icon: IconName; label: string; pressed?: boolean };

/** A button that is a picture; its label is its name and its tip. */
export function IconButton(props: IconButtonProps) {
  const [own, rest] = splitProps(props, ['icon', 'label', 'pressed', 'class', 'type']);
  return (
    <button
      {...rest}
      type={own.type ?? 'button'}
      class={`icon-button ${own.class ?? ''}`}
      aria-label={own.label}
      title={own.label}
      aria-pressed={own.pressed}
    >
      <Icon name={own.icon} />
    </button>
  );
}

type FieldProps = {
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: 'text' | 'password' | 'email' | 'tel' | 'search' | 'number' | 'time' | 'date';
  hint?: string | undefined;
  error?: string | undefined;
  /** The label is for those who cannot see the page. */
  hideLabel?: boolean;
  name?: string;
  autocomplete?: string;
  placeholder?: string;
  required?: boolean;
  disabled?: boolean;
  ref?: (element: HTMLInputElement) => void;
};

/** A field of one line. */
export function Field(props: FieldProps) {
  const id = createUniqueId();
  return (
    <div class="field">
      <label for={id} classList={{ hidden: props.hideLabel }}>
        {props.label}
      </label>
      <input
        id={id}
        ref={props.ref}
        type={props.type ?? 'text'}
        name={props.name}
        value={props.value}
        autocomplete={props.autocomplete as 'on'}
        placeholder={props.placeholder}
        required={props.required}
        disabled={props.disabled}
        aria-invalid={props.error ? 'true' : undefined}
        aria-describedby={props.error || props.hint ? `${id}-about` : undefined}
        onInput={event => props.onInput(event.currentTarget.value)}
      />
      <Show when={props.error ?? props.hint}>
        <p id={`${id}-about`} class="small" classList={{ error: Boolean(props.error), soft: !props.error }}>
          {props.error ?? props.hint}
        </p>
      </Show>
    </div>
  );
}

type ChoiceProps<T extends string> = {
  label: string;
  value: T;
  options: readonly { value: T; text: string }[];
  onChange: (value: T) => void;
  hint?: string | undefined;
  hideLabel?: boolean;
  disabled?: boolean;
};

/** One of a few. */
export function Choice<T extends string>(props: ChoiceProps<T>) {
  const id = createUniqueId();
  return (
    <div class="field">
      <label for={id} classList={{ hidden: props.hideLabel }}>
        {props.label}
      </label>
      <select id={id} disabled={props.disabled} onChange={event => props.onChange(event.currentTarget.value as T)}>
        {props.options.map(option => (
          <option value={option.value} selected={option.value === props.value}>
            {option.text}
          </option>
        ))}
      </select>
      <Show when={props.hint}>
        <p class="small soft">{props.hint}</p>
      </Show>
    </div>
  );
}

/** On or off. */
export function Switch(props: { label: string; on: boolean; onChange: (on: boolean) => void; hint?: string; disabled?: boolean }) {
  const id = createUniqueId();
  return (
    <div class="switch">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={props.on}
        disabled={props.disabled}
        aria-describedby={props.hint ? `${id}-about` : undefined}
        onChange={event => props.onChange(event.currentTarget.checked)}
      />
      <div>
        <label for={id}>{props.label}</label>
        <Show when={props.hint}>
          <p id={`${id}-about`} class="small soft">
            {props.hint}
          </p>
        </Show>
      </div>
    </div>
  );
}
