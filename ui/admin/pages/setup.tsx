// The set-up: from an empty server to the first phone, each step with an address of its own.

import { For, Match, Show, Switch } from 'solid-js';
import { match, route } from '../../kit/route.ts';
import { Go, Page } from '../parts/page.tsx';
import { PeopleStep } from '../setup/people-step.tsx';
import { PhoneStep } from '../setup/phone-step.tsx';
import { DnsStep, DomainStep, FinishStep } from '../setup/place-step.tsx';
import { RangeStep } from '../setup/range-step.tsx';
import { say } from '../words/setup.ts';
import '../setup/setup.css';

const STEPS = ['domain', 'dns', 'numbers', 'users', 'phone', 'finish'] as const;
type Step = (typeof STEPS)[number];

const address = (step: Step) => (step === 'domain' ? '/admin/setup' : `/admin/setup/${step}`);

/** The set-up. */
export default function SetUp() {
  const step = (): Step => STEPS.find(one => one === match('/admin/setup/:step', route().path)?.['step']) ?? 'domain';
  const at = () => STEPS.indexOf(step());
  const next = () => STEPS[at() + 1];
  return (
    <Page title={say('title')} about={say('about')}>
      <nav class="stepper" aria-label={say('step', { count: at() + 1, all: STEPS.length })}>
        <For each={STEPS}>{one => <Go to={address(one)} current={one === step()}>{say(one)}</Go>}</For>
      </nav>
      <Switch>
        <Match when={step() === 'domain'}><DomainStep /></Match>
        <Match when={step() === 'dns'}><DnsStep /></Match>
        <Match when={step() === 'numbers'}><RangeStep /></Match>
        <Match when={step() === 'users'}><PeopleStep /></Match>
        <Match when={step() === 'phone'}><PhoneStep /></Match>
        <Match when={step() === 'finish'}><FinishStep /></Match>
      </Switch>
      <Show when={next()}>{one => <div class="row end"><Go to={address(one())} class="button plain">{say('next', { step: say(one()) })}</Go></div>}</Show>
    </Page>
  );
}
