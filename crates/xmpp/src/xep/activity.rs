//! User Activity (XEP-0108): what a person is doing, such as talking on the phone.

use super::PayloadError;
use crate::Element;

/// The namespace, which is also the name of the PEP node.
pub const NS: &str = "http://jabber.org/protocol/activity";
/// The feature by which a client asks for notifications (XEP-0163 §4.3.1).
pub const NOTIFY: &str = "http://jabber.org/protocol/activity+notify";

/// What a person is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// The general activity and, within it, the specific one; none means that nothing is told any more.
    pub what: Option<(String, Option<String>)>,
    /// Words for people.
    pub text: Option<String>,
}

impl Activity {
    /// `talking`, and in particular `on_the_phone`.
    pub fn on_the_phone() -> Self {
        Self { what: Some(("talking".to_owned(), Some("on_the_phone".to_owned()))), text: None }
    }

    /// Reads `<activity/>`.
    pub fn from_element(activity: &Element) -> Result<Self, PayloadError> {
        if !activity.is("activity", NS) {
            return Err(PayloadError("not an activity"));
        }
        let named = |parent: &Element| {
            parent.children().find(|child| child.ns() == NS && child.name() != "text").cloned()
        };
        let what = named(activity).map(|general| {
            let specific = named(&general).map(|specific| specific.name().to_owned());
            (general.name().to_owned(), specific)
        });
        Ok(Self { what, text: activity.child("text", NS).map(Element::text) })
    }

    /// The `<activity/>` element.
    pub fn to_element(&self) -> Element {
        let mut activity = Element::new("activity", NS);
        if let Some((general, specific)) = &self.what {
            let mut general = Element::new(general.clone(), NS);
            if let Some(specific) = specific {
                general.push(Element::new(specific.clone(), NS));
            }
            activity.push(general);
        }
        if let Some(text) = &self.text {
            activity.push(Element::new("text", NS).with_text(text.as_str()));
        }
        activity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_survives_the_wire() {
        let text = Some("line 1002".to_owned());
        for activity in
            [Activity::default(), Activity::on_the_phone(), Activity { text, ..Activity::on_the_phone() }]
        {
            let wire = activity.to_element().to_bytes();
            assert_eq!(Activity::from_element(&Element::parse(&wire, "").unwrap()), Ok(activity));
        }
        assert!(Activity::from_element(&Element::new("mood", NS)).is_err());
    }
}
