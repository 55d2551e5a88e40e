//! The offer/answer table of one dialog (RFC 3264, RFC 6337): what each body means, and who may offer now.
//!
//! Pure and small: both halves of a call keep one [`Exchange`] per dialog, and ask it before a body is
//! relayed. It knows nothing of what the bodies say; `sdp` does.

#[cfg(test)]
mod tests;

/// Which end of the dialog sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// This server.
    Local,
    /// The phone.
    Remote,
}

/// The messages that can carry an offer or an answer (RFC 6337 §2.2, table 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    /// INVITE, initial or within the dialog.
    Invite,
    /// 101-199 that is not acknowledged: what it carries is only a preview of the answer.
    Provisional,
    /// 101-199 with RSeq (RFC 3262).
    ReliableProvisional,
    /// 2xx to INVITE.
    Success,
    /// ACK of a 2xx.
    Ack,
    /// PRACK (RFC 3262).
    Prack,
    /// 2xx to PRACK.
    PrackSuccess,
    /// UPDATE (RFC 3311).
    Update,
    /// 2xx to UPDATE.
    UpdateSuccess,
}

/// What the body of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// No session description, and none was due.
    Nothing,
    /// A new offer.
    Offer,
    /// The answer to the outstanding offer.
    Answer,
    /// The likely answer, in a provisional response that may get lost (RFC 3261 §13.2.1).
    Preview,
    /// A description that has no meaning here: a repeat of an answer already given.
    Repeat,
}

/// Why a body is not acceptable now. The state is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Both ends want to change the session at once: 491 (RFC 3261 §14.2, RFC 3311 §5.2).
    #[error("both ends offer at once")]
    Glare,
    /// The same end has a change under way: 500 with Retry-After (RFC 3261 §14.2, RFC 3311 §5.2).
    #[error("the earlier change is not finished")]
    RetryLater,
    /// An answer was due in this message and is not there.
    #[error("the answer is missing")]
    MissingAnswer,
    /// An offer was due in this message and is not there.
    #[error("the offer is missing")]
    MissingOffer,
    /// The message itself cannot come now: no request is open that it belongs to.
    #[error("the message belongs to no open request")]
    OutOfTurn,
}

/// The offer that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outstanding {
    /// Who offered.
    pub side: Side,
    /// In what.
    pub carrier: Carrier,
}

/// An INVITE that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Invite {
    /// Who sent it.
    side: Side,
    /// It had no body: the other end owes the offer.
    offer_owed: bool,
    /// Its 2xx was sent: only the ACK is missing.
    answered: bool,
}

/// Offers and answers of one dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    outstanding: Option<Outstanding>,
    invite: Option<Invite>,
    established: bool,
}

impl Side {
    /// The other end.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

impl Refusal {
    /// The status that refuses a request for this reason.
    pub fn status(self) -> u16 {
        match self {
            Self::Glare => 491,
            Self::RetryLater => 500,
            Self::MissingAnswer | Self::MissingOffer | Self::OutOfTurn => 400,
        }
    }
}

impl Exchange {
    /// A dialog in which nothing was said yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The offer that waits for its answer.
    pub fn outstanding(&self) -> Option<Outstanding> {
        self.outstanding
    }

    /// No offer waits for its answer, and no INVITE is open.
    pub fn is_quiet(&self) -> bool {
        self.outstanding.is_none() && self.invite.is_none()
    }

    /// A first offer was answered.
    pub fn is_established(&self) -> bool {
        self.established
    }

    /// The end whose INVITE is open (not yet finally answered and acknowledged).
    pub fn inviting(&self) -> Option<Side> {
        self.invite.map(|invite| invite.side)
    }

    /// May `side` send an offer in `carrier` now?
    pub fn may_offer(&self, side: Side, carrier: Carrier) -> bool {
        matches!({ *self }.pass(side, carrier, true), Ok(Meaning::Offer))
    }

    /// A message passes from `side` to the other end; `described` says that it has a session description.
    ///
    /// # Errors
    /// The body has no place here; nothing changed. For a request [`Refusal::status`] says how to refuse it.
    pub fn pass(&mut self, side: Side, carrier: Carrier, described: bool) -> Result<Meaning, Refusal> {
        match carrier {
            Carrier::Invite => self.invite(side, described),
            Carrier::Provisional => self.provisional(side, described),
            Carrier::ReliableProvisional => self.reliable_provisional(side, described),
            Carrier::Success => self.success(side, described),
            Carrier::Ack => self.ack(side, described),
            Carrier::Prack => self.prack(side, described),
            Carrier::Update => self.update(side, described),
            Carrier::PrackSuccess => self.answer_only(side, Carrier::Prack, described),
            Carrier::UpdateSuccess => self.answer_only(side, Carrier::Update, described),
        }
    }

    /// The request that `carrier` names got a final answer other than 2xx: its offer is void and the
    /// session stays as it was (RFC 3261 §14.1, RFC 3311 §5.1).
    pub fn refused(&mut self, carrier: Carrier) {
        let void = match carrier {
            Carrier::Invite => {
                self.invite = None;
                matches!(
                    self.outstanding.map(|offer| offer.carrier),
                    Some(Carrier::Invite | Carrier::ReliableProvisional | Carrier::Success)
                )
            }
            _ => self.outstanding.is_some_and(|offer| offer.carrier == carrier),
        };
        if void {
            self.outstanding = None;
        }
    }

    /// The open INVITE, when `side` is the end that answers it.
    fn invite_answered_by(&self, side: Side) -> Result<Invite, Refusal> {
        match self.invite {
            Some(invite) if invite.side == side.other() && !invite.answered => Ok(invite),
            _ => Err(Refusal::OutOfTurn),
        }
    }

    fn waits_for(&self, offerer: Side, carrier: Carrier) -> bool {
        self.outstanding == Some(Outstanding { side: offerer, carrier })
    }

    fn offer(&mut self, side: Side, carrier: Carrier) -> Result<Meaning, Refusal> {
        self.outstanding = Some(Outstanding { side, carrier });
        Ok(Meaning::Offer)
    }

    fn answer(&mut self) -> Result<Meaning, Refusal> {
        self.outstanding = None;
        self.established = true;
        Ok(Meaning::Answer)
    }

    /// Refuses a new offer of `side` while another one is open (RFC 3311 §5.2: 491 or 500).
    fn no_other_offer(&self, side: Side) -> Result<(), Refusal> {
        match self.outstanding {
            Some(offer) if offer.side == side => Err(Refusal::RetryLater),
            Some(_) => Err(Refusal::Glare),
            None => Ok(()),
        }
    }

    fn invite(&mut self, side: Side, described: bool) -> Result<Meaning, Refusal> {
        // RFC 3261 §14.2: a second INVITE before the first is answered gets 500; one that crosses ours, 491.
        match self.invite {
            Some(open) if open.side == side => return Err(Refusal::RetryLater),
            Some(_) => return Err(Refusal::Glare),
            None => self.no_other_offer(side)?,
        }
        self.invite = Some(Invite { side, offer_owed: !described, answered: false });
        if described { self.offer(side, Carrier::Invite) } else { Ok(Meaning::Nothing) }
    }

    fn provisional(&mut self, side: Side, described: bool) -> Result<Meaning, Refusal> {
        self.invite_answered_by(side)?;
        Ok(match described {
            false => Meaning::Nothing,
            true if self.waits_for(side.other(), Carrier::Invite) => Meaning::Preview,
            true => Meaning::Repeat,
        })
    }

    fn reliable_provisional(&mut self, side: Side, described: bool) -> Result<Meaning, Refusal> {
        let invite = self.invite_answered_by(side)?;
        if !described {
            return Ok(Meaning::Nothing);
        }
        if self.waits_for(side.other(), Carrier::Invite) {
            return self.answer();
        }
        if invite.offer_owed {
            self.no_other_offer(side)?;
            self.invite = Some(Invite { offer_owed: false, ..invite });
            return self.offer(side, Carrier::ReliableProvisional);
        }
        Ok(Meaning::Repeat)
    }

    fn success(&mut self, side: Side, described: bool) -> Result<Meaning, Refusal> {
        let invite = self.invite_answered_by(side)?;
        // RFC 3262 §3: no 2xx before the PRACK that answers an offer in a reliable response.
        if self.waits_for(side, Carrier::ReliableProvisional) {
            return Err(Refusal::OutOfTurn);
        }
        let due = self.waits_for(side.other(), Carrier::Invite);
        if !described && due {
            return Err(Refusal::MissingAnswer);
        }
        if !described && invite.offer_owed {
            return Err(Refusal::MissingOffer);
        }
        if described && invite.offer_owed {
            self.no_other_offer(side)?;
        }
        self.invite = Some(Invite { offer_owed: false, answered: true, ..invite });
        match described {
            true if due => self.answer(),
            true if invite.offer_owed => self.offer(side, Carrier::Success),
            true => Ok(Meaning::Repeat),
            false => Ok(Meaning::Nothing),
        }
    }

    fn ack(&mut self, side: Side, described: bool) -> Result<Meaning, Refusal> {
        match self.invite {
            Some(invite) if invite.side == side && invite.answered => {}
            _ => return Err(Refusal::OutOfTurn),
        }
        let due = self.waits_for(side.other(), Carrier::Success);
        if due && !described {
            return Err(Refusal::MissingAnswer);
        }
        self.invite = None;
        match described {
            true if due => self.answer(),
            true => Ok(Meaning::Repeat),
            false => Ok(Meaning::Nothing),
        }
    }

    fn prack(&mut self, side: Side, described: bool) -> Result<Meaning, Refusal> {
        let invite = self.invite.filter(|invite| invite.side == side).ok_or(Refusal::OutOfTurn)?;
        if self.waits_for(side.other(), Carrier::ReliableProvisional) {
            return if described { self.answer() } else { Err(Refusal::MissingAnswer) };
        }
        if !described {
            return Ok(Meaning::Nothing);
        }
        self.no_other_offer(side)?;
        // RFC 3262 §5: a new offer in PRACK needs that the first one was answered.
        if invite.offer_owed || !self.established {
            return Err(Refusal::OutOfTurn);
        }
        self.offer(side, Carrier::Prack)
    }

    fn update(&mut self, side: Side, described: bool) -> Result<Meaning, Refusal> {
        if !described {
            return Ok(Meaning::Nothing);
        }
        self.no_other_offer(side)?;
        // RFC 3311 §5.1: no offer in UPDATE before the first exchange is complete; RFC 6337 §4.3: while
        // an INVITE without offer is open, the offer belongs to its responses.
        match self.invite {
            Some(invite) if invite.offer_owed && invite.side == side => Err(Refusal::RetryLater),
            Some(invite) if invite.offer_owed => Err(Refusal::Glare),
            _ if !self.established => Err(Refusal::RetryLater),
            _ => self.offer(side, Carrier::Update),
        }
    }

    fn answer_only(&mut self, side: Side, request: Carrier, described: bool) -> Result<Meaning, Refusal> {
        match (self.waits_for(side.other(), request), described) {
            (true, true) => self.answer(),
            (true, false) => Err(Refusal::MissingAnswer),
            (false, true) => Ok(Meaning::Repeat),
            (false, false) => Ok(Meaning::Nothing),
        }
    }
}
