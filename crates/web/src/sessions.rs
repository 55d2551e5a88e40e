//! Signed-in browsers: a random cookie each, in memory, so that a restart signs everybody out.

use std::collections::BTreeMap;
use std::time::Instant;

use operations::role::Role;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::limits::{SESSION_TIME, SESSIONS_MAX};

/// Who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedIn {
    /// The administrator's name.
    pub(crate) name: String,
    /// What they are there for.
    pub(crate) role: Role,
    /// They signed in by a one-time password and can do nothing but choose another.
    pub(crate) must_choose_password: bool,
}

/// One signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The administrator's name.
    pub(crate) name: String,
    /// What they are there for.
    pub(crate) role: Role,
    /// Must come with every form of this session.
    pub(crate) form_token: String,
    /// A secret for codes that waits for its first code.
    enrolment: String,
    /// It signed in by the one-time password and can do nothing but choose another.
    pub(crate) must_choose_password: bool,
    expires: Instant,
}

impl Session {
    /// The same administrator, with a password of their own choice.
    pub(crate) fn with_password(&self) -> SignedIn {
        SignedIn { name: self.name.clone(), role: self.role, must_choose_password: false }
    }

    /// Is this the token that the session's forms carry?
    pub(crate) fn owns_form(&self, token: &str) -> bool {
        self.form_token.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// All signed-in browsers, by cookie.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<String, Session>>);

impl Sessions {
    /// Signs a browser in under a random cookie value.
    pub(crate) fn add(&self, cookie: String, form_token: String, who: SignedIn, now: Instant) -> Session {
        let mut sessions = self.0.lock();
        sessions.retain(|_, session| now < session.expires);
        if sessions.len() >= SESSIONS_MAX {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.expires);
            if let Some(oldest) = oldest.map(|(cookie, _)| cookie.clone()) {
                sessions.remove(&oldest);
            }
        }
        let SignedIn { name, role, must_choose_password } = who;
        let session = Session {
            name,
            role,
            form_token,
            enrolment: String::new(),
            must_choose_password,
            expires: now + SESSION_TIME,
        };
        sessions.insert(cookie, session.clone());
        session
    }

    /// The session of a cookie.
    pub(crate) fn find(&self, cookie: &str, now: Instant) -> Option<Session> {
        self.0.lock().get(cookie).filter(|session| now < session.expires).cloned()
    }

    /// Keeps a secret for codes until its first code is shown.
    pub(crate) fn set_enrolment(&self, cookie: &str, secret: &str) {
        if let Some(session) = self.0.lock().get_mut(cookie) {
            secret.clone_into(&mut session.enrolment);
        }
    }

    /// The secret that waits for its first code.
    pub(crate) fn enrolment(&self, cookie: &str) -> Option<String> {
        let sessions = self.0.lock();
        sessions.get(cookie).map(|session| session.enrolment.clone()).filter(|secret| !secret.is_empty())
    }

    /// Signs a browser out.
    pub(crate) fn remove(&self, cookie: &str) {
        self.0.lock().remove(cookie);
    }

    /// Signs an administrator out everywhere: the password was changed.
    pub(crate) fn remove_all_of(&self, name: &str) {
        self.0.lock().retain(|_, session| session.name != name);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn admin() -> SignedIn {
        SignedIn { name: "admin".to_owned(), role: Role::Administrator, must_choose_password: false }
    }

    #[test]
    fn an_administrator_is_signed_out_everywhere_and_others_are_not() {
        let (sessions, now) = (Sessions::default(), now());
        sessions.add("a".to_owned(), String::new(), admin(), now);
        sessions.add("b".to_owned(), String::new(), SignedIn { name: "eve".to_owned(), ..admin() }, now);
        sessions.remove_all_of("admin");
        assert_eq!(sessions.find("a", now), None);
        assert!(sessions.find("b", now).is_some());
    }

    #[test]
    fn a_session_ends_by_its_time_and_by_signing_out() {
        let (sessions, now) = (Sessions::default(), now());
        sessions.add("a".to_owned(), "form".to_owned(), admin(), now);
        assert!(sessions.find("a", now).is_some_and(|session| session.owns_form("form")));
        assert_eq!(sessions.find("a", now + SESSION_TIME), None);
        sessions.remove("a");
        assert_eq!(sessions.find("a", now), None);
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let (sessions, now) = (Sessions::default(), now());
        for number in 0..=SESSIONS_MAX {
            let at = now + Duration::from_millis(number as u64);
            sessions.add(number.to_string(), String::new(), admin(), at);
        }
        assert_eq!(sessions.find("0", now), None);
        assert!(sessions.find("1", now).is_some());
    }
}
