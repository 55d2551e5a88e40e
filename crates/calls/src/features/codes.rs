//! Codes that stand for a call: before a number they say how it is called, alone they name one.

use model::plan::{Digits, Feature, HouseSpeedDial};
use model::{BareJid, LineChange, LineSettings, SpeedDial, speed_dial_place};

use super::last_calls::LastCalls;
use super::line_settings;
use crate::place::{Destination, Manner};

/// What is known of the line that dials a code.
pub(crate) struct Dials<'a> {
    /// Its owner.
    pub owner: Option<&'a BareJid>,
    /// The device that dials.
    pub device: Option<&'a str>,
    /// What its user has set.
    pub settings: Option<&'a LineSettings>,
    /// Its last calls.
    pub last: LastCalls,
    /// The abbreviated numbers of the house.
    pub house: &'a [HouseSpeedDial],
}

/// Digits of a place that a code sets.
const PLACE_DIGITS: usize = 2;

/// What a code leads to; `None`: nowhere, such as the last call of a line that has made none.
pub(crate) fn destination(feature: Feature, keyed: &Digits, dials: &Dials<'_>) -> Option<Destination> {
    let again = |dialled: &str, manner| {
        (!dialled.is_empty()).then(|| Destination::Again { dialled: dialled.to_owned(), manner })
    };
    match feature {
        Feature::WithholdNumber => again(keyed.as_str(), Manner::Withheld(true)),
        Feature::ShowNumber => again(keyed.as_str(), Manner::Withheld(false)),
        Feature::Intercom => again(keyed.as_str(), Manner::Intercom),
        Feature::Redial => again(&dials.last.placed(dials.owner)?.dialled, Manner::Again),
        Feature::CallReturn => again(dials.last.caller(dials.owner)?, Manner::Again),
        Feature::CallBack => {
            let last = dials.last.placed(dials.owner).filter(|last| last.failed.is_some())?;
            Some(Destination::CallBack(Some(last.dialled.clone())))
        }
        Feature::CallBackOff => Some(Destination::CallBack(None)),
        Feature::Resume => Some(Destination::Resume),
        Feature::RingerOff | Feature::RingerOn => {
            let (device, on) = (dials.device?.to_owned(), feature == Feature::RingerOn);
            Some(Destination::Setting(LineChange::Ringer { device, on }))
        }
        Feature::SpeedDial => again(number_at(speed_dial_place(keyed)?, dials)?.as_str(), Manner::Plain),
        Feature::SpeedDialSet => speed_dial(keyed).map(Destination::Setting),
        _ => line_settings::change(feature, keyed).map(Destination::Setting),
    }
}

/// What stands at a place: of the line's own, else of the house's.
fn number_at(place: u16, dials: &Dials<'_>) -> Option<Digits> {
    let own = dials.settings.and_then(|settings| settings.speed_dials.get(&place));
    let of_house = || dials.house.iter().find(|dial| dial.place == place).map(|dial| dial.number);
    own.map(|dial| dial.number).or_else(of_house)
}

/// `07` and a number behind it; nothing behind it empties the place.
fn speed_dial(keyed: &Digits) -> Option<LineChange> {
    let (place, number) = keyed.as_bytes().split_at_checked(PLACE_DIGITS)?;
    let place = speed_dial_place(&Digits::joined(&[place])?)?;
    let number = Digits::joined(&[number])?;
    let dial = SpeedDial { number, label: String::new(), lamp: false };
    Some(LineChange::SpeedDial { place, dial: (!number.is_empty()).then_some(dial) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Digits {
        Digits::parse(text).unwrap()
    }

    fn dialled(feature: Feature, keyed: &str, dials: &Dials<'_>) -> Option<String> {
        match destination(feature, &digits(keyed), dials)? {
            Destination::Again { dialled, .. } => Some(dialled),
            other => Some(format!("{other:?}")),
        }
    }

    #[test]
    fn a_place_is_the_lines_own_before_it_is_the_houses() {
        let mut settings = LineSettings::default();
        let house = |place, number| HouseSpeedDial { place, number: digits(number), label: String::new() };
        let house = [house(100, "+4930555"), house(7, "1009")];
        let set =
            |settings: &mut LineSettings, keyed: &str| settings.apply(&speed_dial(&digits(keyed)).unwrap());
        set(&mut settings, "071003");
        let at = |settings: &LineSettings, keyed: &str| {
            let last = LastCalls::default();
            let dials = Dials { owner: None, device: None, settings: Some(settings), last, house: &house };
            dialled(Feature::SpeedDial, keyed, &dials)
        };
        assert_eq!(at(&settings, "7").as_deref(), Some("1003"));
        assert_eq!(at(&settings, "07").as_deref(), Some("1003"));
        assert_eq!(at(&settings, "100").as_deref(), Some("+4930555"));
        assert_eq!(at(&settings, "8"), None);
        set(&mut settings, "07");
        assert_eq!(at(&settings, "7").as_deref(), Some("1009"));
        assert!(settings.is_none());
        assert_eq!(speed_dial(&digits("7")), None, "a place has two digits");
    }

    #[test]
    fn a_line_that_knows_nobody_calls_nobody() {
        let dials =
            Dials { owner: None, device: None, settings: None, last: LastCalls::default(), house: &[] };
        assert_eq!(dialled(Feature::Redial, "1", &dials), None);
        assert_eq!(dialled(Feature::CallReturn, "1", &dials), None);
        assert_eq!(destination(Feature::WithholdNumber, &Digits::empty(), &dials), None);
        assert_eq!(dialled(Feature::WithholdNumber, "1003", &dials).as_deref(), Some("1003"));
    }
}
