//! The status page: the node, people with their presence and its reason, clients, phones, calls.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use model::{Timestamp, User};
use operations::{CallRow, RegistrationRow, SessionRow};
use presence::State as PresenceState;
use store::StorageState;

use crate::answer;
use crate::limits::ROWS_MAX;
use crate::routes::Place;

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    domain: &'a str,
    version: &'a str,
    form_token: &'a str,
    now: Moment,
    uptime: String,
    storage: Result<(), String>,
    listeners: Vec<runtime::Listener>,
    people: Table<PersonRow>,
    sessions: Table<SessionView>,
    registrations: Table<RegistrationView>,
    calls: Table<CallView>,
}

/// The rows that are shown, and how many there are in all.
struct Table<R> {
    rows: Vec<R>,
    total: usize,
}

impl<R> Table<R> {
    fn new<S>(rows: Vec<S>, view: impl FnMut(S) -> R) -> Self {
        let total = rows.len();
        Self { rows: rows.into_iter().take(ROWS_MAX).map(view).collect(), total }
    }

    /// The count for the caption.
    fn count(&self) -> String {
        match (self.total, self.rows.len()) {
            (total, shown) if shown < total => format!("{total}, the first {shown} shown"),
            (total, _) => total.to_string(),
        }
    }
}

/// A point in time, for machines and for people.
struct Moment {
    machine: String,
    people: String,
}

impl From<Timestamp> for Moment {
    /// `2026-11-20T10:41:00.000000Z` is shown as `2026-11-20 10:41`; all times on the page are UTC (`PS-16`).
    fn from(time: Timestamp) -> Self {
        let machine = time.to_string();
        let day = machine.get(..10).unwrap_or_default();
        let people = format!("{day} {}", time.hour_and_minute());
        Self { machine, people }
    }
}

struct PersonRow {
    name: String,
    jid: String,
    /// The state by shape; the words follow, so that neither colour nor shape is needed.
    shape: &'static str,
    class: &'static str,
    explanation: String,
}

struct SessionView {
    row: SessionRow,
    since: Moment,
    availability: String,
}

struct RegistrationView {
    row: RegistrationRow,
    expires: Moment,
}

struct CallView {
    row: CallRow,
    started: Moment,
}

/// Shows the page to the administrator; others are sent to sign in.
pub(crate) async fn show(State(place): State<Place>, headers: HeaderMap) -> Response {
    let Some((_, session)) = place.session(&headers) else { return answer::see_other("/sign-in", None) };
    if session.must_choose_password {
        return answer::see_other("/password", None);
    }
    let web = &place.web;
    let now = web.runtime.timestamp();
    let (users, storage) = match web.rooms.store.users().await {
        Ok(users) => (users, storage_state(&web.rooms.store.state().borrow())),
        Err(cause) => (Vec::new(), Err(cause.to_string())),
    };
    let status = &web.rooms.status;
    let template = StatusPage {
        domain: &web.config.domain,
        version: &web.config.version,
        form_token: &session.form_token,
        now: now.into(),
        uptime: duration_words(web.runtime.now().saturating_duration_since(web.started)),
        storage,
        listeners: web.runtime.listeners(),
        people: people(&place, users, now),
        sessions: Table::new(status.sessions(), |row| SessionView {
            since: row.since.into(),
            availability: availability(&row),
            row,
        }),
        registrations: Table::new(status.registrations(), |row| RegistrationView {
            expires: row.expires.into(),
            row,
        }),
        calls: Table::new(status.calls(), |row| CallView { started: row.started.into(), row }),
    };
    answer::page(StatusCode::OK, &template)
}

fn storage_state(state: &StorageState) -> Result<(), String> {
    match state {
        StorageState::Ok => Ok(()),
        StorageState::Failing(reason) => Err(reason.to_string()),
    }
}

/// Everybody with an account, those who are reachable first.
fn people(place: &Place, users: Vec<User>, now: Timestamp) -> Table<PersonRow> {
    let engine = &place.web.rooms.presence;
    let mut all: Vec<_> = users
        .into_iter()
        .map(|user| {
            let presence = engine.composed(&user.jid, now);
            (presence.state == PresenceState::Offline, user, presence)
        })
        .collect();
    all.sort_by(|a, b| (a.0, &a.1.jid).cmp(&(b.0, &b.1.jid)));
    Table::new(all, |(_, user, presence)| {
        let (shape, class) = shape(presence.state);
        let explanation =
            if user.enabled { presence.explanation() } else { "The account is disabled".to_owned() };
        PersonRow { name: user.name, jid: user.jid.to_string(), shape, class, explanation }
    })
}

fn shape(state: PresenceState) -> (&'static str, &'static str) {
    match state {
        PresenceState::DoNotDisturb | PresenceState::OutOfOffice | PresenceState::Busy => ("▬", "busy"),
        PresenceState::OnThePhone => ("☎", "phone"),
        PresenceState::InAMeeting => ("▦", "phone"),
        PresenceState::Available => ("●", "available"),
        PresenceState::Idle => ("◐", "phone"),
        PresenceState::Offline => ("○", "offline"),
    }
}

fn availability(row: &SessionRow) -> String {
    if row.is_waiting {
        return "Connection lost, may resume".to_owned();
    }
    let show = match row.show.as_deref() {
        None => "Signed in, invisible",
        Some("online") => "Online",
        Some("chat") => "Wants to chat",
        Some("away") => "Away",
        Some("xa") => "Away for longer",
        Some("dnd") => "Do not disturb",
        Some(other) => other,
    };
    match row.idle_seconds {
        0..60 => show.to_owned(),
        seconds => format!("{show}, silent for {}", duration_words(Duration::from_secs(seconds))),
    }
}

/// The two largest units that are not zero: "3 days 4 h", "5 min 10 s".
fn duration_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let day = if days == 1 { "day" } else { "days" };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} {day} {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        let words = |seconds| duration_words(Duration::from_secs(seconds));
        assert_eq!(words(7), "7 s");
        assert_eq!(words(65), "1 min 5 s");
        assert_eq!(words(3_600 * 5 + 120), "5 h 2 min");
        assert_eq!(words(86_400 + 3_600), "1 day 1 h");
        assert_eq!(words(86_400 * 3), "3 days 0 h");
    }

    #[test]
    fn a_long_table_says_how_much_of_it_is_shown() {
        let table = Table::new((0..ROWS_MAX + 1).collect(), |row| row);
        assert_eq!(table.count(), format!("{}, the first {ROWS_MAX} shown", ROWS_MAX + 1));
        assert_eq!(Table::new(vec![1, 2], |row| row).count(), "2");
    }

    #[test]
    fn a_clients_state_is_told_in_words() {
        let row = |show: Option<&str>, idle_seconds, is_waiting| SessionRow {
            jid: "ann@localhost/desk".to_owned(),
            address: "127.0.0.1".to_owned(),
            since: Timestamp(0),
            show: show.map(str::to_owned),
            idle_seconds,
            is_waiting,
        };
        assert_eq!(availability(&row(Some("online"), 3, false)), "Online");
        assert_eq!(availability(&row(Some("xa"), 90, false)), "Away for longer, silent for 1 min 30 s");
        assert_eq!(availability(&row(None, 0, false)), "Signed in, invisible");
        assert_eq!(availability(&row(Some("online"), 90, true)), "Connection lost, may resume");
    }
}
