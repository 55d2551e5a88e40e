//! What comes in on a session's stream: counted, checked, and given to the pipeline.

use std::ops::ControlFlow;

use bytes::BytesMut;
use store::Seq;
use xmpp::sm::Signal;
use xmpp::xep::bind2::Enable;
use xmpp::{Condition, Context, Frame, Kind, Stanza, StanzaError, StreamCondition, StreamError};

use super::inactivity::Inactivity;
use super::session::{Over, Session};
use super::wire::Wire;
use crate::features::push;
use crate::pipeline::{self, Handled};

impl<W: Wire> Session<W> {
    /// Takes all frames that are complete; the read buffer goes back when nothing waits in it.
    pub(super) async fn frames(&mut self) -> Result<(), Over> {
        while !self.is_held() {
            match self.wire.next_frame() {
                Ok(Some(Frame::Stanza(stanza))) => {
                    self.pace()?;
                    self.stanza(stanza).await?;
                }
                Ok(Some(Frame::Close)) => return Err(Over::Closed),
                Ok(Some(Frame::Open(_))) => {
                    return Err(Over::Failed(StreamError::new(
                        StreamCondition::PolicyViolation,
                        "the stream is open already",
                    )));
                }
                Ok(None) => {
                    self.wire.release();
                    return Ok(());
                }
                Err(error) => return Err(Over::Failed(error)),
            }
        }
        Ok(())
    }

    async fn stanza(&mut self, mut stanza: Stanza) -> Result<(), Over> {
        if stanza.kind() != Kind::Other && !self.is_from_us(&stanza) {
            // RFC 6120 §8.1.2.1: a client that claims to be somebody else is cut off.
            return Err(Over::Failed(StreamCondition::InvalidFrom.into()));
        }
        match stanza.kind() {
            Kind::Message => match pipeline::message(&self.im, &self.seat, &mut stanza) {
                ControlFlow::Break(handled) => self.handled(&stanza, handled),
                ControlFlow::Continue(later) => {
                    let handled =
                        Box::pin(pipeline::message_later(&self.im, &self.seat, &stanza, later)).await;
                    self.handled(&stanza, handled)
                }
            },
            Kind::Presence => {
                let handled = Box::pin(pipeline::presence(&self.im, &self.seat, &stanza)).await;
                self.handled(&stanza, handled)
            }
            Kind::Iq => {
                let handled = Box::pin(pipeline::iq(&self.im, &self.seat, &stanza)).await;
                self.handled(&stanza, handled)
            }
            Kind::Other => self.signal(&stanza),
        }
    }

    /// A `from` that is absent, our full address or our bare one (RFC 6120 §8.1.2.1).
    fn is_from_us(&self, stanza: &Stanza) -> bool {
        let Some(from) = stanza.from() else { return true };
        *from == *self.seat.jid.as_str()
            || *from == *self.seat.account.jid.as_str()
            || from
                .parse::<model::Jid>()
                .is_ok_and(|jid| jid == self.seat.account.jid || jid.as_str() == self.seat.jid.as_str())
    }

    /// Answers, and counts the stanza: a stanza is acknowledged once what it led to is durable.
    fn handled(&mut self, stanza: &Stanza, handled: Handled) -> Result<(), Over> {
        let mut seq = None;
        match handled {
            Handled::Done(kept) => {
                seq = kept;
                if let Some(seq) = kept {
                    self.kept = seq;
                    self.hold_behind(seq);
                }
            }
            Handled::Answers(answers) => {
                for answer in answers {
                    self.answer(answer)?;
                }
            }
            Handled::Refused(error) => self.refuse(stanza, &error)?,
            Handled::LookIntoSpool => self.look_into_spool(),
        }
        self.count(seq);
        Ok(())
    }

    fn refuse(&mut self, stanza: &Stanza, error: &StanzaError) -> Result<(), Over> {
        let from = self.seat.account.jid.as_str();
        match error.reply(stanza, Some(from), Context::Client) {
            Some(reply) => self.answer(reply),
            None => Ok(()),
        }
    }

    fn count(&mut self, seq: Option<Seq>) {
        if let Some(counts) = &mut self.counts {
            match seq {
                Some(seq) => counts.inbound.journaled(seq),
                None => counts.inbound.handled(),
            }
        }
    }

    /// Stream management, or an element that nobody knows (RFC 6120 §4.9.3.24).
    fn signal(&mut self, stanza: &Stanza) -> Result<(), Over> {
        if let Some(inactive) = Inactivity::said(stanza) {
            self.seat.set_inactive(inactive);
            if !inactive {
                push::seen(&self.im, &self.seat.account.jid);
            }
            for item in self.inactivity.set(inactive) {
                self.send(item)?;
            }
            return Ok(());
        }
        match Signal::parse(stanza) {
            Some(Ok(Signal::Request)) => {
                if let Some(counts) = &mut self.counts {
                    counts.inbound.asked();
                }
                self.answer_request();
                Ok(())
            }
            Some(Ok(Signal::Ack { h })) => match &mut self.counts {
                Some(counts) => {
                    counts.acknowledged(&self.im, &self.seat, h).map_err(Over::CountTooHigh)?;
                    if counts.outbound.is_empty() {
                        // Nothing is left to ask for; the memory goes back.
                        counts.outbound.idle();
                    }
                    Ok(())
                }
                None => Ok(()),
            },
            Some(Ok(Signal::Enable { resume, max_seconds })) => self.enable(resume, max_seconds),
            Some(Ok(Signal::Resume { .. })) => self.refuse_signal(Condition::UnexpectedRequest),
            Some(Ok(_)) | Some(Err(_)) => self.refuse_signal(Condition::BadRequest),
            None => Err(Over::Failed(StreamCondition::UnsupportedStanzaType.into())),
        }
    }

    fn enable(&mut self, resume: bool, max_seconds: Option<u32>) -> Result<(), Over> {
        if self.counts.is_some() {
            return self.refuse_signal(Condition::UnexpectedRequest);
        }
        let (counts, enabled) = self.im.enable(&self.seat, Enable { resume, max_seconds });
        let mut out = BytesMut::new();
        enabled.write(&mut out);
        self.wire.queue(&out);
        self.counts = Some(counts);
        Ok(())
    }

    fn refuse_signal(&mut self, condition: Condition) -> Result<(), Over> {
        let mut out = BytesMut::new();
        Signal::Failed { condition, h: None }.write(&mut out);
        self.wire.queue(&out);
        Ok(())
    }
}
