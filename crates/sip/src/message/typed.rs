//! Typed access to header fields, on demand: nothing is parsed before somebody asks.

use bytes::Bytes;

use crate::digest::{Challenge, Credentials};
use crate::error::Error;
use crate::header::{
    CSeq, Contact, Contacts, Event, MediaType, NameAddr, RAck, Reason, Replaces, RetryAfter, SessionExpires,
    Via, Warning,
};
use crate::message::{Headers, Name, parse};
use crate::scan;
use crate::subscription::State;

impl Headers {
    /// The topmost Via.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn via(&self) -> Result<Via, Error> {
        self.vias().next().unwrap_or(Err(Error::Missing(Name::Via)))
    }

    /// All Via values from the top down; a comma-joined line is several.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via, Error>> {
        self.all(Name::Via).flat_map(scan::elements).map(|element| Via::parse(self.share(element)))
    }

    /// From.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn from(&self) -> Result<NameAddr, Error> {
        self.required_address(Name::From)
    }

    /// To.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn to(&self) -> Result<NameAddr, Error> {
        self.required_address(Name::To)
    }

    /// The tag of From; `None` when it has none (RFC 2543) or cannot be read.
    pub fn from_tag(&self) -> Option<Bytes> {
        self.from().ok()?.tag_bytes()
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<Bytes> {
        self.to().ok()?.tag_bytes()
    }

    /// Call-ID: compared byte for byte (RFC 3261 §8.1.1.4).
    ///
    /// # Errors
    /// Missing, empty, or with white space in it.
    pub fn call_id(&self) -> Result<Bytes, Error> {
        let value = self.first(Name::CallId).ok_or(Error::Missing(Name::CallId))?;
        if value.is_empty() || value.iter().any(|b| matches!(b, b' ' | b'\t')) {
            return Err(Error::Value(Name::CallId));
        }
        Ok(self.share(value))
    }

    /// CSeq.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn cseq(&self) -> Result<CSeq, Error> {
        let value = self.first(Name::CSeq).ok_or(Error::Missing(Name::CSeq))?;
        CSeq::parse(&self.share(value))
    }

    /// All Contact values, or `*`.
    ///
    /// # Errors
    /// A malformed one, or `*` beside others.
    pub fn contacts(&self) -> Result<Contacts, Error> {
        let mut list = Vec::new();
        let mut star = false;
        for element in self.elements(Name::Contact) {
            if element == b"*" {
                star = true;
            } else {
                list.push(Contact::parse(self.share(element))?);
            }
        }
        match (star, list.is_empty()) {
            (true, true) => Ok(Contacts::All),
            (true, false) => Err(Error::Value(Name::Contact)),
            (false, _) => Ok(Contacts::List(list)),
        }
    }

    /// The first Contact: the remote target in a dialog (RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn contact(&self) -> Result<Contact, Error> {
        let element = self.elements(Name::Contact).next().ok_or(Error::Missing(Name::Contact))?;
        Contact::parse(self.share(element))
    }

    /// Route values in order.
    ///
    /// # Errors
    /// A malformed one.
    pub fn routes(&self) -> Result<Vec<NameAddr>, Error> {
        self.addresses(Name::Route)
    }

    /// Record-Route values in order.
    ///
    /// # Errors
    /// A malformed one.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, Error> {
        self.addresses(Name::RecordRoute)
    }

    /// All values of an address list: Route, Path, P-Asserted-Identity, ...
    ///
    /// # Errors
    /// A malformed one.
    pub fn addresses(&self, name: Name) -> Result<Vec<NameAddr>, Error> {
        self.elements(name)
            .map(|element| NameAddr::parse(self.share(element)).map_err(|_| Error::Value(name)))
            .collect()
    }

    /// The value of a field with one address (Refer-To, Referred-By, Reply-To), if it is there.
    ///
    /// # Errors
    /// Malformed.
    pub fn address(&self, name: Name) -> Result<Option<NameAddr>, Error> {
        let value = self.first(name).map(|value| self.share(value));
        value.map(|value| NameAddr::parse(value).map_err(|_| Error::Value(name))).transpose()
    }

    fn required_address(&self, name: Name) -> Result<NameAddr, Error> {
        self.address(name)?.ok_or(Error::Missing(name))
    }

    /// A field that is one number, if it is there.
    ///
    /// # Errors
    /// Not a number that fits 32 bits.
    pub fn number(&self, name: Name) -> Result<Option<u32>, Error> {
        self.first(name).map(|value| scan::number(value).ok_or(Error::Value(name))).transpose()
    }

    /// Max-Forwards.
    ///
    /// # Errors
    /// Not a number.
    pub fn max_forwards(&self) -> Result<Option<u32>, Error> {
        self.number(Name::MaxForwards)
    }

    /// Expires in seconds; a number too large for 32 bits counts as the largest (RFC 3261 §20.19).
    ///
    /// # Errors
    /// Not a number.
    pub fn expires(&self) -> Result<Option<u32>, Error> {
        self.first(Name::Expires).map(|value| seconds(value).ok_or(Error::Value(Name::Expires))).transpose()
    }

    /// Min-Expires in seconds.
    ///
    /// # Errors
    /// Not a number.
    pub fn min_expires(&self) -> Result<Option<u32>, Error> {
        self.number(Name::MinExpires)
    }

    /// Content-Length.
    ///
    /// # Errors
    /// Not a number, or there are two.
    pub fn content_length(&self) -> Result<Option<usize>, Error> {
        parse::content_length(self)
    }

    /// Content-Type.
    ///
    /// # Errors
    /// Missing or malformed.
    pub fn content_type(&self) -> Result<MediaType, Error> {
        let value = self.first(Name::ContentType).ok_or(Error::Missing(Name::ContentType))?;
        MediaType::parse(self.share(value))
    }

    /// Event, if it is there.
    ///
    /// # Errors
    /// Malformed.
    pub fn event(&self) -> Result<Option<Event>, Error> {
        self.first(Name::Event).map(|value| Event::parse(self.share(value))).transpose()
    }

    /// Subscription-State, if it is there.
    ///
    /// # Errors
    /// Malformed.
    pub fn subscription_state(&self) -> Result<Option<State>, Error> {
        let malformed = Error::Value(Name::SubscriptionState);
        self.first(Name::SubscriptionState).map(|value| State::parse(value).ok_or(malformed)).transpose()
    }

    /// RSeq, if it is there (RFC 3262 §7.1).
    ///
    /// # Errors
    /// Not a number.
    pub fn rseq(&self) -> Result<Option<u32>, Error> {
        self.number(Name::RSeq)
    }

    /// RAck, if it is there (RFC 3262 §7.2).
    ///
    /// # Errors
    /// Malformed.
    pub fn rack(&self) -> Result<Option<RAck>, Error> {
        self.first(Name::RAck).map(|value| RAck::parse(&self.share(value))).transpose()
    }

    /// Session-Expires, if it is there (RFC 4028 §4).
    ///
    /// # Errors
    /// Malformed.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, Error> {
        self.first(Name::SessionExpires).map(SessionExpires::parse).transpose()
    }

    /// Min-SE in seconds, if it is there (RFC 4028 §5).
    ///
    /// # Errors
    /// Malformed.
    pub fn min_se(&self) -> Result<Option<u32>, Error> {
        let value =
            self.first(Name::MinSe).map(|value| value.split(|b| *b == b';').next().unwrap_or_default());
        value.map(|value| scan::number(value).ok_or(Error::Value(Name::MinSe))).transpose()
    }

    /// Refer-To, if it is there (RFC 3515 §2.1).
    ///
    /// # Errors
    /// Malformed.
    pub fn refer_to(&self) -> Result<Option<NameAddr>, Error> {
        self.address(Name::ReferTo)
    }

    /// Replaces, if it is there (RFC 3891 §6.1).
    ///
    /// # Errors
    /// Malformed.
    pub fn replaces(&self) -> Result<Option<Replaces>, Error> {
        self.first(Name::Replaces).map(|value| Replaces::parse(self.share(value))).transpose()
    }

    /// The digest credentials in all lines called `name` (Authorization or Proxy-Authorization); other schemes are left out.
    pub fn credentials(&self, name: Name) -> impl Iterator<Item = Credentials> {
        self.all(name).filter_map(|value| Credentials::parse(self.share(value)))
    }

    /// The digest challenges in all lines called `name` (WWW-Authenticate or Proxy-Authenticate), in order.
    pub fn challenges(&self, name: Name) -> impl Iterator<Item = Challenge> {
        self.all(name).filter_map(|value| Challenge::parse(self.share(value)))
    }

    /// Retry-After, if it is there.
    ///
    /// # Errors
    /// Malformed.
    pub fn retry_after(&self) -> Result<Option<RetryAfter>, Error> {
        self.first(Name::RetryAfter).map(RetryAfter::parse).transpose()
    }

    /// All readable Warning values.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        self.elements(Name::Warning).filter_map(|element| Warning::parse(&self.share(element)))
    }

    /// All readable Reason values (RFC 3326).
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        self.elements(Name::Reason).filter_map(|element| Reason::parse(self.share(element)))
    }
}

/// Delta-seconds; digits that pass 32 bits count as the largest value.
pub(crate) fn seconds(value: &[u8]) -> Option<u32> {
    let digits = scan::trim(value);
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| scan::number(digits).unwrap_or(u32::MAX))
}
