// The dial plan: the document, what is in it, trying a call, cases.

import { Match, Show, Switch } from 'solid-js';
import { match, route } from '../../kit/route.ts';
import { getTagged } from '../api/client.ts';
import type { DialPlan } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Page, Tabs } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { CasesPart } from '../plan/cases-part.tsx';
import { DocumentPart } from '../plan/document-part.tsx';
import { ListsPart } from '../plan/lists-part.tsx';
import { TestPart } from '../plan/test-part.tsx';
import { say } from '../words/plan.ts';
import '../plan/plan.css';

const TABS = ['document', 'parts', 'test', 'cases'] as const;

/** The dial plan. */
export default function DialPlanPage() {
  const tab = () => match('/admin/dialplan/:tab', route().path)?.['tab'] ?? 'document';
  const asked = ask(() => getTagged<DialPlan>('/dialplan'));
  return (
    <Page title={say('title')} about={say('about')}>
      <Tabs label={say('title')} tabs={TABS.map(key => ({ to: key === 'document' ? '/admin/dialplan' : `/admin/dialplan/${key}`, text: say(key), current: tab() === key }))} />
      <Switch>
        <Match when={tab() === 'test'}><TestPart /></Match>
        <Match when={tab() === 'cases'}><CasesPart /></Match>
        <Match when={true}>
          <Waiting for={asked} />
          <Show when={asked.value()} keyed>
            {got => (
              <Show when={tab() === 'parts'} fallback={<DocumentPart plan={got.value} etag={got.etag} again={asked.again} />}>
                <ListsPart document={got.value.document} />
              </Show>
            )}
          </Show>
        </Match>
      </Switch>
    </Page>
  );
}
