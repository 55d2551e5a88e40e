//! Do not disturb: a line's calls are refused as if it were busy, or its phones show them without a sound (`CC-16`).

use model::{DoNotDisturb, LineSettings};
use sip::{Name, RequestBuilder};

/// Are calls refused?
pub(crate) fn refuses(settings: Option<&LineSettings>) -> bool {
    settings.and_then(|settings| settings.do_not_disturb) == Some(DoNotDisturb::Reject)
}

/// Are calls shown without a sound?
pub(crate) fn is_silent(settings: Option<&LineSettings>) -> bool {
    settings.and_then(|settings| settings.do_not_disturb) == Some(DoNotDisturb::Silent)
}

/// Asks a phone to make no sound.
pub(crate) fn silence(builder: RequestBuilder, domain: &str) -> RequestBuilder {
    // COMPAT: Yealink, Grandstream, Polycom, Snom: the text `silent` is matched to a ringer by the phone's own settings;
    // RFC 7462 has no word for silence.
    let value = format!("<http://{domain}/silent>;info=silent");
    builder.header(Name::AlertInfo, value.as_str())
}
