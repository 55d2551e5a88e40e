//! In-band registration (XEP-0077): strangers make accounts where the operator lets them; users give their own account
//! another password, or remove it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{BareJid, NodePart};
use store::{Invitation, NewUser};
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::{self, Hash};
use xmpp::stream::Registration;
use xmpp::xep::register::Request;
use xmpp::xep::{invitation as link, register};
use xmpp::{Condition, Element, ErrorKind, Stanza, StanzaError};

use super::{invitations, service_administration, subscription};
use crate::acceptance::storage_error;
use crate::administration::Order;
use crate::config::OpenTo;
use crate::limits::SignInLimits;
use crate::signin::{hashes, scram_record};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "registration", specs: &[Spec::xep(77, "2.5")], disco: &[register::NS], account: &[] };

/// How long accounts that were tried from one address are counted.
const WINDOW: Duration = Duration::from_secs(60 * 60);
/// The shortest password of an account that is made or changed in-band, in characters.
const PASSWORD_CHARS_MIN: usize = 8;
/// The longest, in bytes.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// What a stream has come to before anybody signed in on it.
#[derive(Default)]
pub(crate) struct Newcomer {
    /// The invitation that was shown. That it has ended meanwhile does not matter (XEP-0445 §4).
    pub(crate) invitation: Option<Invitation>,
    /// An account was made; nobody makes two (XEP-0077 §3.1.1).
    has_registered: bool,
}

/// The stream features of those who may make accounts.
pub(crate) fn stream_features(open_to: OpenTo) -> Bytes {
    match open_to {
        OpenTo::Nobody => Bytes::new(),
        OpenTo::Invited | OpenTo::Everybody => [link::FEATURE, register::FEATURE].concat().into(),
    }
}

/// Answers what comes before sign-in.
pub(crate) async fn answer(
    im: &Im,
    newcomer: &mut Newcomer,
    peer: IpAddr,
    asked: Registration,
) -> Result<Option<Element>, StanzaError> {
    let open_to = im.users.policies.load().registration.open_to;
    if open_to == OpenTo::Nobody {
        return Err(Condition::ServiceUnavailable.into());
    }
    let may_register = open_to == OpenTo::Everybody || newcomer.invitation.is_some();
    match asked {
        Registration::Invited(token) => {
            newcomer.invitation = Some(invitations::standing(im, &token).await?);
            Ok(None)
        }
        // Who is not invited learns nothing of names.
        Registration::Request(Request::Ask | Request::Fill { .. }) if !may_register => {
            Err(StanzaError::from(Condition::NotAllowed).with_text("accounts are made by invitation"))
        }
        Registration::Request(Request::Ask) => Ok(Some(register::fields())),
        Registration::Request(Request::Fill { username, password }) => {
            let (username, password) = username.zip(password).ok_or(Condition::NotAcceptable)?;
            make(im, newcomer, peer, (&username, password)).await.map(|()| None)
        }
        // §3.2: who has no account has none to remove.
        Registration::Request(Request::Remove) => Err(Condition::UnexpectedRequest.into()),
    }
}

/// Makes an account.
async fn make(
    im: &Im,
    newcomer: &mut Newcomer,
    peer: IpAddr,
    (username, password): (&str, String),
) -> Result<(), StanzaError> {
    if newcomer.has_registered {
        return Err(unacceptable("an account was made on this stream"));
    }
    let jid = address(im, username)?;
    check_password(&password, username)?;
    // Conflicts tell which names are taken: an address gets to know few.
    if !im.trusts(peer) {
        let (guard, now) = (&im.arrivals.registrations, im.runtime.now());
        let limits = limits(im);
        if !guard.admits(peer, "", &limits, now) {
            return Err(StanzaError::new(ErrorKind::Wait, Condition::NotAcceptable)
                .with_text("too many accounts from this address; try again later"));
        }
        guard.failed(peer, "", &limits, now);
    }
    let name = jid.node().map(|node| node.to_string()).unwrap_or_default();
    let chosen = newcomer.invitation.as_ref().and_then(|invitation| invitation.username.as_deref());
    match chosen {
        Some(chosen) if chosen != name => {
            return Err(unacceptable("the invitation is for another name"));
        }
        Some(_) => {}
        None => {
            let reserved = im.store.username_is_reserved(&name, im.runtime.timestamp()).await;
            if reserved.map_err(|error| storage_error(&error))? {
                return Err(Condition::Conflict.into());
            }
        }
    }
    if im.contacts.pin().get(jid.as_str()).is_some() {
        return Err(Condition::Conflict.into());
    }
    let scram = derive(im, password).await?;
    let user = NewUser { jid: jid.clone(), name, scram, lines: Vec::new() };
    let invitation = newcomer.invitation.take();
    let made = match &invitation {
        Some(invitation) => im.store.user_add_invited(user, &invitation.token_hash).await,
        None => im.store.user_add(user).await,
    };
    match made {
        Ok(()) => {}
        Err(store::Error::Conflicts(_)) => {
            // The invitation is not used up by that.
            newcomer.invitation = invitation;
            return Err(Condition::Conflict.into());
        }
        Err(error) => return Err(storage_error(&error)),
    }
    newcomer.has_registered = true;
    metrics::counter!("carillon_im_accounts_registered_total").increment(1);
    tracing::info!(account = %model::Private(&jid), invited = invitation.is_some(), "an account was made in-band");
    if let Some(inviter) = invitation.and_then(|invitation| invitation.inviter) {
        invitations::befriend(im, &inviter, &jid).await;
    }
    Ok(())
}

/// The address of a name that may be chosen.
fn address(im: &Im, username: &str) -> Result<BareJid, StanzaError> {
    let node: NodePart = username.parse().map_err(|_| unacceptable("this is no name for an account"))?;
    // Numbers are the telephones', and given by the administrator.
    if node.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unacceptable("a name is not a number"));
    }
    Ok(BareJid::from_parts(Some(&node), &im.config.domain))
}

fn check_password(password: &str, username: &str) -> Result<(), StanzaError> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(unacceptable("a password has at least 8 characters"));
    }
    if password.len() > PASSWORD_BYTES_MAX || password.chars().any(char::is_control) {
        return Err(unacceptable("a password has at most 1,024 bytes and no control characters"));
    }
    if password.eq_ignore_ascii_case(username) {
        return Err(unacceptable("the password is the name"));
    }
    Ok(())
}

/// How many accounts an address may try to make.
fn limits(im: &Im) -> SignInLimits {
    let limits = im.limits.load().sign_in;
    SignInLimits {
        failures_per_account_max: limits.registrations_per_address_max,
        failure_window: WINDOW,
        ..limits
    }
}

/// The records of a password, computed where that holds up nobody, some at a time.
async fn derive(im: &Im, password: String) -> Result<Vec<store::ScramRecord>, StanzaError> {
    let mut entropy = [0; scram::SALT_BYTES];
    im.runtime.fill(&mut entropy);
    let mut wanted = scram::HASHES_DEFAULT.to_vec();
    wanted.extend(hashes(&im.config.sign_in.mechanisms));
    wanted.sort_unstable();
    wanted.dedup();
    let iterations = im.config.unknown_users.iterations;
    let turn = Arc::clone(&im.arrivals.comparisons).acquire_owned().await;
    let work = move || {
        let _turn = turn;
        Credentials::derive(&password, &entropy, iterations, &wanted)
    };
    let derived = im.runtime.blocking(work).join().await.ok_or(Condition::InternalServerError)?;
    let derived = derived.map_err(|_| unacceptable("this is no password"))?;
    let record = |hash: Hash| derived.record(hash).map(|record| scram_record(hash, record));
    Ok(Hash::ALL.into_iter().filter_map(record).collect())
}

fn unacceptable(why: &'static str) -> StanzaError {
    StanzaError::from(Condition::NotAcceptable).with_text(why)
}

/// Is a user asking for something of this sort?
pub(crate) fn is_asked(stanza: &Stanza) -> bool {
    stanza.first_child().is_some_and(|child| child.is("query", register::NS))
}

/// What a user asks for the own account (§3.2, §3.3). The sessions of one that is removed end after the answer.
pub(crate) async fn own(
    im: &Im,
    user: &BareJid,
    set: bool,
    query: &Element,
) -> Result<Option<Element>, StanzaError> {
    let own_name = user.node().map(|node| node.to_string()).unwrap_or_default();
    match Request::from_element(query, set).map_err(|_| Condition::BadRequest)? {
        Request::Ask => Ok(Some(register::registered(&own_name))),
        Request::Remove => remove(im, user).await.map(|()| None),
        Request::Fill { username, password } => {
            let (username, password) = username.zip(password).ok_or(Condition::BadRequest)?;
            if username.parse::<NodePart>().ok().as_deref() != user.node() {
                return Err(Condition::NotAllowed.into());
            }
            check_password(&password, &own_name)?;
            let order = Order::UserSetPassword { jid: user.clone(), password };
            service_administration::ordered(im, user, order).await.map(|()| None)
        }
    }
}

/// Why a user's password stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordNotSet {
    /// The new one is not right.
    #[error("{0}")]
    Unacceptable(String),
    /// It cannot be kept now.
    #[error("the password cannot be changed now")]
    Later,
}

impl Im {
    /// Gives a user of ours, who has just shown the old one, another password.
    ///
    /// # Errors
    /// It stays as it is.
    pub async fn set_own_password(&self, user: &BareJid, password: String) -> Result<(), PasswordNotSet> {
        let name = user.node().map(|node| node.to_string()).unwrap_or_default();
        let said = |error: StanzaError| match error.text {
            Some(text) => PasswordNotSet::Unacceptable(text.into_owned()),
            None => PasswordNotSet::Later,
        };
        check_password(&password, &name).map_err(said)?;
        let order = Order::UserSetPassword { jid: user.clone(), password };
        service_administration::ordered(self, user, order).await.map_err(|_| PasswordNotSet::Later)
    }
}

/// §3.2: subscriptions in both directions end with the account.
async fn remove(im: &Im, user: &BareJid) -> Result<(), StanzaError> {
    let roster = im.store.roster(user).await.map_err(|error| storage_error(&error))?;
    for item in roster.items {
        if let Err(error) = subscription::remove_contact(im, user, &item.contact).await {
            tracing::debug!(?error, "a contact of an account that goes stays as it is");
        }
    }
    service_administration::ordered(im, user, Order::UserDelete(vec![user.clone()])).await
}
