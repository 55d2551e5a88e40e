//! What occupants' clients ask each other by way of the room (XEP-0045 §17.4): under nicknames, and each answer to the
//! very session that asked.

use std::collections::VecDeque;

use model::FullJid;
use xmpp::xep::ping;
use xmpp::{Condition, Context, ErrorKind, Stamp, Stanza, StanzaError};

use super::Visitor;
use super::questions::{Answer, only};
use super::room::Room;
use super::service::post;
use crate::Im;

/// Questions of one room that wait for their answer; the oldest go first.
const QUESTIONS_MAX: usize = 512;
/// The id of a question, in bytes; longer ones are refused.
const ID_BYTES_MAX: usize = 1_024;
/// Random bytes in the id under which a question is passed on.
const TOKEN_BYTES: usize = 8;

/// Questions that were passed on and not answered. Several sessions may be in under one nickname, and their ids alike:
/// each question goes on under an id of ours.
#[derive(Default)]
pub(crate) struct Questions(VecDeque<Question>);

struct Question {
    /// The id under which it was passed on.
    id: String,
    /// Who is to answer, and under which nickname they were asked.
    asked: FullJid,
    nick: String,
    /// Who asked, and under which id.
    asker: FullJid,
    own_id: String,
}

impl Questions {
    fn note(&mut self, question: Question) {
        self.0.truncate(QUESTIONS_MAX - 1);
        self.0.push_front(question);
    }

    /// The question that somebody answers, once.
    fn answered(&mut self, id: &str, by: &FullJid) -> Option<Question> {
        let place = self.0.iter().position(|open| open.id == id && open.asked == *by)?;
        self.0.remove(place)
    }
}

/// An IQ to somebody in the room: to oneself a ping tells whether one is still in (XEP-0410); any other question goes to
/// the other's client under the nickname of the asker, and the answer back to the session that asked.
pub(super) fn to_occupant(
    im: &Im,
    who: Visitor<'_>,
    stanza: &Stanza,
    room: &mut Room,
    nick: &str,
) -> Result<Answer, StanzaError> {
    if !matches!(stanza.type_().as_deref(), Some("get" | "set")) {
        pass_back(im, who, stanza, room);
        return Ok(None);
    }
    let refused = || StanzaError::new(ErrorKind::Cancel, Condition::NotAcceptable);
    let me = room.occupant_of(who.jid).ok_or_else(refused)?;
    if me.nick == nick && stanza.has_child("ping", ping::NS) {
        return Ok(only(None));
    }
    let own_id = stanza.id().ok_or(Condition::BadRequest)?.into_owned();
    if own_id.len() > ID_BYTES_MAX {
        return Err(Condition::NotAcceptable.into());
    }
    let other = room.occupants.get(nick).ok_or(Condition::ItemNotFound)?;
    let asked = other.sessions().first().ok_or(Condition::ItemNotFound)?.clone();
    let (id, from) = (im.runtime.random_token(TOKEN_BYTES), room.address(&me.nick));
    let stamp = Stamp::default().from(&from).to(asked.as_str()).id(&id);
    post(im, &asked, stanza.to_bytes(Context::Client, &stamp));
    let asker = who.jid.clone();
    room.questions.note(Question { id, asked, nick: nick.to_owned(), asker, own_id });
    Ok(None)
}

/// An answer that nobody waits for goes nowhere: a room is no way to write to anybody.
fn pass_back(im: &Im, who: Visitor<'_>, stanza: &Stanza, room: &mut Room) {
    let Some(question) = stanza.id().and_then(|id| room.questions.answered(&id, who.jid)) else { return };
    if room.occupant_of(&question.asker).is_some() {
        let from = room.address(&question.nick);
        let stamp = Stamp::default().from(&from).to(question.asker.as_str()).id(&question.own_id);
        post(im, &question.asker, stanza.to_bytes(Context::Client, &stamp));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(number: usize) -> Question {
        Question {
            id: format!("passed-{number}"),
            asked: "juliet@x/balcony".parse().unwrap(),
            nick: "juliet".to_owned(),
            asker: format!("romeo@x/{number}").parse().unwrap(),
            own_id: "q1".to_owned(),
        }
    }

    #[test]
    fn a_question_is_answered_once_and_by_whom_it_was_for() {
        let mut questions = Questions::default();
        (0..2).for_each(|number| questions.note(question(number)));
        let (juliet, paris) = ("juliet@x/balcony".parse().unwrap(), "paris@x/tomb".parse().unwrap());
        assert!(questions.answered("passed-0", &paris).is_none());
        assert_eq!(questions.answered("passed-0", &juliet).unwrap().asker.as_str(), "romeo@x/0");
        assert!(questions.answered("passed-0", &juliet).is_none());
        assert_eq!(questions.answered("passed-1", &juliet).unwrap().asker.as_str(), "romeo@x/1");
    }

    #[test]
    fn the_oldest_questions_are_forgotten() {
        let mut questions = Questions::default();
        (0..=QUESTIONS_MAX).for_each(|number| questions.note(question(number)));
        let juliet = "juliet@x/balcony".parse().unwrap();
        assert!(questions.answered("passed-0", &juliet).is_none());
        assert!(questions.answered("passed-1", &juliet).is_some());
    }
}
