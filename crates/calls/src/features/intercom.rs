//! Intercom: a phone of the house is called and answers by itself; a call that an application makes begins the same way.

use std::time::Duration;

use sip::{Name, RequestBuilder};

/// How long a phone has to answer by itself: one that does not has somebody look at it, or is not able to.
pub(crate) const RING_TIME: Duration = Duration::from_secs(15);

/// Asks a phone to answer by itself.
pub(crate) fn answer(builder: RequestBuilder, domain: &str) -> RequestBuilder {
    // COMPAT: Snom, Grandstream, Fanvil and baresip obey Call-Info, Polycom and Yealink Alert-Info as well; few
    // phones know RFC 5373, whose word for it is Answer-Mode.
    let call_info = format!("<sip:{domain}>;answer-after=0");
    let alert_info = format!("<http://{domain}>;info=alert-autoanswer;delay=0");
    builder
        .header(Name::CallInfo, call_info.as_str())
        .header(Name::AlertInfo, alert_info.as_str())
        .named("Answer-Mode", "Auto")
}
