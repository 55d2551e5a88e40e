//! Header field names: the known ones with their compact forms (RFC 3261 §7.3.3), all others as data.

use std::fmt;

/// Longest known name, in bytes.
const NAME_BYTES_MAX: usize = 24;

macro_rules! names {
    ($($variant:ident $text:literal $lower:literal $(| $compact:literal)*;)*) => {
        /// A header field's name. What is not known here is [`Name::Other`] and is found by its text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = $text] $variant,)*
            /// Any other name.
            Other,
        }

        /// All long names in lower case.
        const LONG: &[(&[u8], Name)] = &[$(($lower, Name::$variant),)*];

        impl Name {
            fn from_compact(lower: u8) -> Self {
                match [lower] {
                    $($(c if c == *$compact => Self::$variant,)*)*
                    _ => Self::Other,
                }
            }

            /// The name as we write it; empty for [`Name::Other`].
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other => "",
                }
            }
        }
    };
}

names! {
    Accept "Accept" b"accept";
    AcceptEncoding "Accept-Encoding" b"accept-encoding";
    AcceptLanguage "Accept-Language" b"accept-language";
    AlertInfo "Alert-Info" b"alert-info";
    Allow "Allow" b"allow";
    AllowEvents "Allow-Events" b"allow-events" | b"u";
    AuthenticationInfo "Authentication-Info" b"authentication-info";
    Authorization "Authorization" b"authorization";
    CallId "Call-ID" b"call-id" | b"i";
    CallInfo "Call-Info" b"call-info";
    Contact "Contact" b"contact" | b"m";
    ContentDisposition "Content-Disposition" b"content-disposition";
    ContentEncoding "Content-Encoding" b"content-encoding" | b"e";
    ContentLanguage "Content-Language" b"content-language";
    ContentLength "Content-Length" b"content-length" | b"l";
    ContentType "Content-Type" b"content-type" | b"c";
    CSeq "CSeq" b"cseq";
    Date "Date" b"date";
    Diversion "Diversion" b"diversion";
    Event "Event" b"event" | b"o";
    Expires "Expires" b"expires";
    From "From" b"from" | b"f";
    HistoryInfo "History-Info" b"history-info";
    InReplyTo "In-Reply-To" b"in-reply-to";
    InfoPackage "Info-Package" b"info-package";
    Join "Join" b"join";
    MaxForwards "Max-Forwards" b"max-forwards";
    MimeVersion "MIME-Version" b"mime-version";
    MinExpires "Min-Expires" b"min-expires";
    MinSe "Min-SE" b"min-se";
    Organization "Organization" b"organization";
    PAssertedIdentity "P-Asserted-Identity" b"p-asserted-identity";
    PPreferredIdentity "P-Preferred-Identity" b"p-preferred-identity";
    Path "Path" b"path";
    Priority "Priority" b"priority";
    Privacy "Privacy" b"privacy";
    ProxyAuthenticate "Proxy-Authenticate" b"proxy-authenticate";
    ProxyAuthorization "Proxy-Authorization" b"proxy-authorization";
    ProxyRequire "Proxy-Require" b"proxy-require";
    RAck "RAck" b"rack";
    RSeq "RSeq" b"rseq";
    Reason "Reason" b"reason";
    RecordRoute "Record-Route" b"record-route";
    RecvInfo "Recv-Info" b"recv-info";
    ReferSub "Refer-Sub" b"refer-sub";
    ReferTo "Refer-To" b"refer-to" | b"r";
    ReferredBy "Referred-By" b"referred-by" | b"b";
    Replaces "Replaces" b"replaces";
    ReplyTo "Reply-To" b"reply-to";
    Require "Require" b"require";
    RetryAfter "Retry-After" b"retry-after";
    Route "Route" b"route";
    Server "Server" b"server";
    ServiceRoute "Service-Route" b"service-route";
    SessionExpires "Session-Expires" b"session-expires" | b"x";
    SipETag "SIP-ETag" b"sip-etag";
    SipIfMatch "SIP-If-Match" b"sip-if-match";
    Subject "Subject" b"subject" | b"s";
    SubscriptionState "Subscription-State" b"subscription-state";
    Supported "Supported" b"supported" | b"k";
    Timestamp "Timestamp" b"timestamp";
    To "To" b"to" | b"t";
    Unsupported "Unsupported" b"unsupported";
    UserAgent "User-Agent" b"user-agent";
    Via "Via" b"via" | b"v";
    Warning "Warning" b"warning";
    WwwAuthenticate "WWW-Authenticate" b"www-authenticate";
}

/// Names of one length, at most.
const SAME_LENGTH_MAX: usize = 12;

/// For each length, the places in [`LONG`] of the names that have it; `u8::MAX` where there are no more.
const BY_LENGTH: [[u8; SAME_LENGTH_MAX]; NAME_BYTES_MAX + 1] = {
    let mut table = [[u8::MAX; SAME_LENGTH_MAX]; NAME_BYTES_MAX + 1];
    let mut place = 0;
    while place < LONG.len() {
        let length = LONG[place].0.len();
        let mut slot = 0;
        while table[length][slot] != u8::MAX {
            slot += 1;
        }
        table[length][slot] = place as u8;
        place += 1;
    }
    table
};

impl Name {
    /// The name that `bytes` spell, in any case, long or compact.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut lower = [0; NAME_BYTES_MAX];
        let Some(lower) = lower.get_mut(..bytes.len()) else {
            return Self::Other;
        };
        lower.copy_from_slice(bytes);
        lower.make_ascii_lowercase();
        if let [one] = lower {
            return Self::from_compact(*one);
        }
        for place in BY_LENGTH[lower.len()] {
            match LONG.get(usize::from(place)) {
                Some((name, known)) if *name == lower => return *known,
                Some(_) => {}
                None => break,
            }
        }
        Self::Other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_in_compact_form() {
        assert_eq!(Name::parse(b"cAlL-iD"), Name::CallId);
        assert_eq!(Name::parse(b"I"), Name::CallId);
        assert_eq!(Name::parse(b"L"), Name::ContentLength);
        assert_eq!(Name::parse(b"NewFangledHeader"), Name::Other);
        assert_eq!(Name::parse(&[b'x'; 400]), Name::Other);
    }
}
