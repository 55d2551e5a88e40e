// Settings: how the page looks on this device, and its language.

import { Choice, Switch } from '../../kit/controls.tsx';
import { LANGUAGES, type Language, language, setLanguage } from '../../kit/language.ts';
import { DENSITIES, TEXT_SIZES, THEMES, looks, setLooks } from '../../kit/preferences.ts';
import { t } from '../words-settings.ts';

const languages = (Object.keys(LANGUAGES) as Language[]).map(value => ({ value, text: LANGUAGES[value] }));

export function LooksSection() {
  return (
    <div class="settings-form">
      <Choice label={t('language')} value={language()} options={languages} onChange={setLanguage} />
      <Choice label={t('theme')} value={looks().theme} options={THEMES.map(value => ({ value, text: t(`theme.${value}`) }))} onChange={theme => setLooks({ theme })} />
      <Choice label={t('textSize')} value={looks().textSize} options={TEXT_SIZES.map(value => ({ value, text: `${value} %` }))} onChange={textSize => setLooks({ textSize })} />
      <Choice label={t('density')} value={looks().density} options={DENSITIES.map(value => ({ value, text: t(`density.${value}`) }))} onChange={density => setLooks({ density })} />
      <Switch label={t('calm')} hint={t('calmHint')} on={looks().calm} onChange={calm => setLooks({ calm })} />
    </div>
  );
}
