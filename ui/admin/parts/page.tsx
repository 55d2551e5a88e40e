// What pages are made of: a head with what can be done, tabs that have addresses, cards, facts, marks.

import { For, type JSX, Show, createEffect } from 'solid-js';
import { IconButton } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { formatTime, language } from '../../kit/language.ts';
import { notify } from '../../kit/overlay.tsx';
import { follow } from '../../kit/route.ts';
import { say } from '../words/parts.ts';
import './page.css';

/** A link within the console. */
export function Go(props: { to: string; children: JSX.Element; class?: string; current?: boolean }) {
  return (
    <a href={props.to} class={props.class} onClick={follow} aria-current={props.current ? 'page' : undefined}>
      {props.children}
    </a>
  );
}

type PageProps = {
  title: string;
  /** What this is for, in a sentence. */
  about?: string | undefined;
  /** A page of the manual. */
  doc?: string;
  /** Where this page belongs. */
  up?: { to: string; text: string };
  acts?: JSX.Element;
  children: JSX.Element;
};

/** A page: its title is also that of the window. */
export function Page(props: PageProps) {
  createEffect(() => {
    document.title = `${props.title} – Carillon`;
  });
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <Show when={props.up}>
            {up => <Go to={up().to} class="page-up"><Icon name="back" size={14} />{up().text}</Go>}
          </Show>
          <h1 tabindex={-1}>{props.title}</h1>
          <Show when={props.about}>
            <p class="soft">
              {props.about}{' '}
              <Show when={props.doc}>{doc => <a href={doc()} target="_blank" rel="noopener">{say('learn')}</a>}</Show>
            </p>
          </Show>
        </div>
        <Show when={props.acts}><div class="page-acts">{props.acts}</div></Show>
      </header>
      {props.children}
    </div>
  );
}

/** Tabs as links: each has an address. */
export function Tabs(props: { label: string; tabs: readonly { to: string; text: string; current: boolean }[] }) {
  return (
    <nav class="tabs" aria-label={props.label}>
      <For each={props.tabs}>{tab => <Go to={tab.to} current={tab.current}>{tab.text}</Go>}</For>
    </nav>
  );
}

/** A card with a title. */
export function Card(props: { title?: string; acts?: JSX.Element; children: JSX.Element; class?: string }) {
  return (
    <section class={`card ${props.class ?? ''}`}>
      <Show when={props.title}>
        <header><h2>{props.title}</h2>{props.acts}</header>
      </Show>
      {props.children}
    </section>
  );
}

/** Facts by name. */
export function Facts(props: { facts: readonly (readonly [string, JSX.Element])[] }) {
  return (
    <dl class="facts">
      <For each={props.facts}>{([name, value]) => <div><dt>{name}</dt><dd>{value}</dd></div>}</For>
    </dl>
  );
}

/** How something stands: by picture, colour and word. */
export type Grade = 'good' | 'warn' | 'bad' | 'off';

/** A word with a mark. */
export function Mark(props: { grade: Grade; children: JSX.Element }) {
  const icon = () => ({ good: 'check', warn: 'warning', bad: 'close', off: 'clock' } as const)[props.grade];
  return <span class={`mark ${props.grade}`}><Icon name={icon()} size={14} />{props.children}</span>;
}

/** Text to copy: an address, a record, a password that is shown once. */
export function Copy(props: { text: string; label: string; secret?: boolean }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
      notify(say('copied'), 'good');
    } catch {
      getSelection()?.selectAllChildren(place);
    }
  };
  let place!: HTMLElement;
  return (
    <span class="copy">
      <code ref={place} class="notranslate">{props.text}</code>
      <IconButton icon="copy" label={`${say('copy')}: ${props.label}`} onClick={() => void copy()} />
    </span>
  );
}

/** A time, as people here write it; exact in its tip. */
export function When(props: { at: string | null | undefined; short?: boolean }) {
  return (
    <Show when={props.at} fallback={say('none')}>
      {at => <time datetime={at()} title={at()}>{timeText(at(), props.short)}</time>}
    </Show>
  );
}

/** A time in words; today's without the day when it may be short. */
export function timeText(at: string, short = false): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const today = new Date().toDateString() === date.toDateString();
  return formatTime(date, short && today ? { timeStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'short' });
}

const DAY = 86_400;

/** So many seconds, in the two units that matter. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const units: [number, Intl.NumberFormatOptions['unit']][] = [[DAY, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']];
  const at = Math.max(0, units.findIndex(([size]) => whole >= size));
  const written = (whole === 0 ? units.slice(-1) : units.slice(at, at + 2)).map(([size, unit], place) => {
    const count = place === 0 ? Math.floor(whole / size) : Math.floor((whole % (units[at]?.[0] ?? 1)) / size);
    return place > 0 && count === 0 ? '' : new Intl.NumberFormat(language(), { style: 'unit', unit: unit as string, unitDisplay: 'narrow' }).format(count);
  });
  return written.filter(Boolean).join(' ');
}

/** So many bytes. */
export function bytes(count: number): string {
  const step = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)));
  const unit = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'][step] as string;
  return new Intl.NumberFormat(language(), { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: step ? 1 : 0 }).format(count / 1024 ** step);
}
