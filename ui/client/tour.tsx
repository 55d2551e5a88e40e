// The introduction: status, notices, favourites. Every step can be skipped.

import { For, Match, Show, Switch, createSignal } from 'solid-js';
import { Button } from '../kit/controls.tsx';
import { Dialog } from '../kit/overlay.tsx';
import { isFavourite, setFavourite } from './contacts/favourites.ts';
import { im } from './im.ts';
import { askForNotices, noticesAllowed } from './notices.ts';
import { StatusForm } from './own-status.tsx';
import { PersonLine } from './person.tsx';
import { endTour } from './tour-state.ts';
import './chat/chat.css';
import { t } from './words-settings.ts';

const STEPS = 3;
const PEOPLE_SHOWN = 12;

export default function Tour() {
  const [step, setStep] = createSignal(1);
  const next = () => (step() < STEPS ? setStep(step() + 1) : endTour());
  return (
    <Dialog
      title={t('tourTitle')}
      onClose={endTour}
      foot={
        <>
          <span class="soft small tour-step">{t('step', { step: step(), count: STEPS })}</span>
          <Button kind="quiet" onClick={endTour}>
            {t('tourSkip')}
          </Button>
          <Button kind="main" onClick={next}>
            {step() < STEPS ? t('tourNext') : t('tourDone')}
          </Button>
        </>
      }
    >
      <Switch>
        <Match when={step() === 1}>
          <h3>{t('tourStatus')}</h3>
          <p class="soft">{t('tourStatusText')}</p>
          <StatusForm onDone={next} />
        </Match>
        <Match when={step() === 2}>
          <h3>{t('tourNotify')}</h3>
          <p class="soft">{t('tourNotifyText')}</p>
          <Show when={!noticesAllowed()} fallback={<p>{t('tourAllowed')}</p>}>
            <Button icon="bell" onClick={() => void askForNotices()}>
              {t('tourAllow')}
            </Button>
          </Show>
        </Match>
        <Match when={step() === 3}>
          <h3>{t('tourPeople')}</h3>
          <p class="soft">{t('tourPeopleText')}</p>
          <ul class="plain-list">
            <For each={im().people.list().slice(0, PEOPLE_SHOWN)} fallback={<li class="soft">{t('tourNobody')}</li>}>
              {contact => (
                <li>
                  <button type="button" class="list-button" aria-pressed={isFavourite(contact)} onClick={() => void setFavourite(contact, !isFavourite(contact))}>
                    <PersonLine jid={contact.jid} />
                    <span aria-hidden="true">{isFavourite(contact) ? '★' : '☆'}</span>
                  </button>
                </li>
              )}
            </For>
          </ul>
        </Match>
      </Switch>
    </Dialog>
  );
}
