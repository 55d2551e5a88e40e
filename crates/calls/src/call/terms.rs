//! What the places of the two ends of a call ask of it: codecs and rates by their regions, and bandwidth (`CC-25`).

use std::borrow::Cow;

use model::plan::{AUDIO_KBITS, Allowance};

use super::branch::{BranchLeg, BranchState};
use super::describe::Description;
use super::house::Context;
use super::outcome::Failure;
use super::{Call, End, Phase};
use crate::admission::{Between, Grant, Load, Stand, VIDEO_KBITS};
use crate::place;

impl Between {
    /// What one end may be told of the other's description.
    pub(super) fn limited<'a>(&self, description: &'a Description) -> Cow<'a, Description> {
        match &self.allowance {
            Some(allowance) => Cow::Owned(description.within(allowance)),
            None => Cow::Borrowed(description),
        }
    }

    /// An offer with the codecs that the server can make of its own, unless it may not.
    pub(super) fn extended<'a>(&self, offer: &'a Description) -> Cow<'a, Description> {
        if self.bars_transcoding { Cow::Borrowed(offer) } else { offer.with_transcoded() }
    }

    /// What the phone is offered: of what the caller speaks and may speak, and of what the server can make of that.
    fn offered<'a>(
        &self,
        offer: &'a Description,
        place: &place::Branch,
    ) -> Result<Cow<'a, Description>, Failure> {
        if self.allowance.is_none() {
            return Ok(place.offer(offer, !self.bars_transcoding));
        }
        let limited = self.limited(offer);
        let offered = self.limited(&place.offer(&limited, !self.bars_transcoding)).into_owned();
        let speaks = limited.has_media_for_us() && offered.has_media_for_us();
        if speaks || !offer.has_media_for_us() {
            Ok(Cow::Owned(offered))
        } else {
            Err(Failure::NotAcceptable)
        }
    }

    /// What a call takes at most whose caller has offered nothing yet.
    fn unheard(&self) -> Load {
        let most = self.allowance.as_ref().and_then(|allowance| allowance.audio_kbits);
        Load::of_audio(most.unwrap_or(AUDIO_KBITS))
    }

    fn video_kbits(&self) -> u32 {
        let most = self.allowance.as_deref().and_then(Allowance::video_kbits);
        most.map_or(VIDEO_KBITS, |most| most.min(VIDEO_KBITS))
    }

    /// Takes what a phone is about to be offered, before it rings. Where there is no room for pictures but for sound, the
    /// call goes without pictures.
    ///
    /// # Errors
    /// There is no room, or nothing is left to speak.
    pub(super) fn admit<'a>(
        &self,
        offer: Option<&'a Description>,
        place: &place::Branch,
        force: bool,
        context: &Context<'_>,
    ) -> Result<(Option<Cow<'a, Description>>, Option<Grant>), Failure> {
        let offer = offer.map(|offer| self.offered(offer, place)).transpose()?;
        let load = offer.as_ref().map_or_else(|| self.unheard(), |offer| offer.load(self.video_kbits()));
        let pools = &context.house.pools;
        let refused = match pools.take(&self.pools, load, force) {
            Ok(grant) => return Ok((offer, grant)),
            Err(refused) => refused,
        };
        let sound = Load { video: 0, ..load };
        if load.video > 0
            && let Some(offer) = &offer
            && let Ok(grant) = pools.take(&self.pools, sound, force)
        {
            tracing::info!(%refused, "a call goes without pictures");
            return Ok((Some(Cow::Owned(offer.without_pictures())), grant));
        }
        tracing::info!(%refused, "a call was refused for want of bandwidth");
        Err(Failure::NoBandwidth)
    }
}

impl Call {
    /// What holds between the ends of a pair.
    pub(super) fn between(&self, pair: usize, context: &Context<'_>) -> Between {
        if !context.house.directory.has_places() {
            return Between::default();
        }
        let ends = [self.member(pair, End::Caller), self.member(pair, End::Callee)];
        context.house.directory.between(Stand::from(&ends[0]), Stand::from(&ends[1]))
    }

    /// The two phones of a pair have said how they speak: the call takes what that needs, and what it took for phones
    /// that were called goes back. It is there already, so it is not refused any more.
    pub(super) fn readmit(&mut self, pair: usize, context: &Context<'_>) {
        if self.phase != Phase::Answered(pair) {
            return;
        }
        let between = self.between(pair, context);
        if between.pools.is_empty() {
            self.streams.grant = None;
            return;
        }
        let (caller, callee) = (self.pairs[pair].half(End::Caller), self.pairs[pair].half(End::Callee));
        let (Some(a), Some(b)) = (&caller.heard, &callee.heard) else { return };
        let video_kbits = between.video_kbits();
        let one = a.load_as(&caller.said.agreed(a), video_kbits);
        let two = b.load_as(&callee.said.agreed(b), video_kbits);
        // Of two codecs that are made of each other the wider one counts; pictures that one end refuses are none.
        let load = Load { audio: one.audio.max(two.audio), video: one.video.min(two.video) };
        let of_branch = self.pairs[pair].branch.and_then(|branch| self.branches[branch].grant.take());
        let held =
            of_branch.or_else(|| self.streams.grant.take()).filter(|grant| grant.is_of(&between.pools));
        self.streams.grant = match held {
            Some(mut grant) => {
                grant.change(load);
                Some(grant)
            }
            None => context.house.pools.take(&between.pools, load, true).ok().flatten(),
        };
    }

    /// Gives back what nobody needs any more.
    pub(super) fn release(&mut self) {
        if self.phase == Phase::Over {
            self.streams.grant = None;
        }
        let is_over = self.phase == Phase::Over;
        release(&mut self.branches, is_over);
        if self.phase != Phase::Ringing {
            self.ringing.ways.clear();
        }
        for pair in &mut self.pairs {
            let branch = pair.branch.and_then(|branch| self.branches.get(branch));
            let is_in_vain = |branch: &BranchLeg| !branch.is_open() && branch.state != BranchState::Answered;
            if branch.is_some_and(is_in_vain)
                && let Some(outside) = &mut pair.half_mut(End::Callee).outside
            {
                outside.costs_nothing();
            }
        }
    }
}

/// Gives back what was taken for phones that do not ring any more.
pub(super) fn release(branches: &mut [BranchLeg], is_over: bool) {
    for branch in branches {
        if is_over || !(branch.is_open() || branch.state == BranchState::Answered) {
            branch.grant = None;
        }
        // Once it is answered, the leg itself counts what it costs, and it may leave the call.
        if is_over || !branch.is_open() {
            branch.forget_charge();
        }
    }
}
