//! Plays the scripts of `tests/xmpp` against a whole messaging house, without a network.

#[path = "houses/foundation.rs"]
mod foundation;
#[path = "scripted/house.rs"]
mod house;
#[path = "scripted/matching.rs"]
mod matching;
#[path = "scripted/peer.rs"]
mod peer;
#[path = "scripted/script.rs"]
mod script;

use std::collections::BTreeMap;
use std::path::PathBuf;

use house::House;
use matching::Names;
use peer::{Came, Peer};
use script::{Script, Step};
use xmpp::Element;

/// How often everybody is asked whether all is done before nothing is taken for nothing: what one session
/// causes in a second, and that in a third.
const FENCE_ROUNDS: usize = 3;

/// One test for each script, named as its file.
macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                play(stringify!($name)).await;
            }
        )*

        #[test]
        fn every_script_is_played() {
            let mut files: Vec<_> = std::fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter_map(|name| name.strip_suffix(".xmpp").map(str::to_owned))
                .collect();
            files.sort();
            let mut played = vec![$(stringify!($name).to_owned()),*];
            played.sort();
            assert_eq!(files, played);
        }
    };
}

scripts! {
    api_token,
    archive,
    answering_device,
    archive_rules,
    archive_search,
    avatars,
    blocking,
    bookmarks,
    capabilities,
    carbons,
    carried_payloads,
    client_state,
    conflict,
    directed_presence,
    discovery,
    directory,
    displayed_synchronization,
    errors,
    external_services,
    forged_from,
    forged_payload,
    hats,
    invitations,
    messages,
    moderated_retraction,
    offline,
    personal_events,
    presence,
    pubsub,
    pubsub_access,
    registration,
    retraction,
    room_archive,
    room_invitations,
    room_questions,
    room_registration,
    room_voice,
    room_creation,
    rooms,
    proxy,
    public_storage,
    roster,
    service_administration,
    shared_groups,
    sign_in,
    sign_in_at_once,
    stream_management,
    subscription,
    subscription_unseen,
    upload,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/xmpp")
}

async fn play(name: &str) {
    let path = folder().join(format!("{name}.xmpp"));
    let text = std::fs::read_to_string(&path).expect("every script has a file");
    if let Err(error) = play_text(&text).await {
        panic!("{name}.xmpp: {error}");
    }
}

async fn play_text(text: &str) -> Result<(), String> {
    let script = Script::parse(text)?;
    let house = House::open(script.users().map(str::to_owned)).await;
    let mut stage = Stage { house, peers: BTreeMap::new(), names: Names::default() };
    for (line, step) in &script.steps {
        stage.step(step).await.map_err(|error| format!("line {line}: {error}"))?;
    }
    stage.house.close().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_script_fails_at_the_line_that_is_not_true() {
    let meeting = "# RFC 6121\nromeo connects as romeo@localhost/garden\njuliet connects as juliet@localhost/balcony\n\
                   romeo sends: <message to='juliet@localhost/balcony' type='headline'><body>hi</body></message>\n";
    for untrue in [
        "juliet receives nothing",
        "juliet receives: <message from='romeo@localhost' type='headline'>{more}</message>",
        "romeo receives: <message/>",
        "juliet is disconnected",
        "paris receives nothing",
    ] {
        let error = play_text(&format!("{meeting}{untrue}\n")).await.unwrap_err();
        assert!(error.starts_with("line 5: "), "{untrue}: {error}");
    }
}

/// The house and who is there.
struct Stage {
    house: House,
    peers: BTreeMap<String, Peer>,
    names: Names,
}

impl Stage {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::User(_) => Ok(()),
            Step::SeeEachOther(one, other) => {
                self.house.acquaint(one, other).await;
                Ok(())
            }
            Step::Connects { peer, jid } => {
                let mut connected = Peer::connect(&self.house);
                connected.session(&self.house, jid).await?;
                self.peers.insert(peer.clone(), connected);
                Ok(())
            }
            Step::SignsIn { peer, jid } => {
                let mut connected = Peer::connect(&self.house);
                connected.sign_in(&self.house, jid).await?;
                self.peers.insert(peer.clone(), connected);
                Ok(())
            }
            Step::Opens { peer, domain } => {
                let house = &self.house;
                self.peers
                    .entry(peer.clone())
                    .or_insert_with(|| Peer::connect(house))
                    .open(house, domain)
                    .await
            }
            Step::Sends { peer, xml } => {
                let xml = self.names.fill(xml)?;
                self.peer(peer)?.send(&xml).await
            }
            Step::Receives { peer, elements, ordered } => self.receives(peer, elements, *ordered).await,
            Step::ReceivesNothing { peer } => self.receives_nothing(peer).await,
            Step::Disconnects { peer } => self.peer(peer)?.close().await,
            Step::Loses { peer } => self.peers.remove(peer).map(drop).ok_or(format!("{peer} is not there")),
            Step::IsDisconnected { peer } => self.is_disconnected(peer).await,
            Step::Joins { user, group } => {
                self.house.join(user, group).await;
                Ok(())
            }
            Step::Leaves { user, group } => {
                self.house.leave(user, group).await;
                Ok(())
            }
            Step::Administers { user } => {
                self.house.administers(user);
                Ok(())
            }
            Step::HearsOfAbuse { address } => {
                self.house.decide(|policies| policies.contacts.abuse = vec![address.clone()]);
                Ok(())
            }
            Step::MakeRooms { group } => {
                self.house.members_make_rooms(group);
                Ok(())
            }
            Step::NobodySearches => {
                self.house.nobody_searches();
                Ok(())
            }
            Step::OpenTo(whom) => {
                self.house.decide(|policies| policies.registration.open_to = *whom);
                Ok(())
            }
            Step::UsersInvite => {
                self.house.decide(|policies| policies.registration.users_invite = true);
                Ok(())
            }
            Step::AnsweringDevice => {
                self.house.route_to_answering_devices();
                Ok(())
            }
            Step::Passes(time) => {
                self.house.pass(*time).await;
                Ok(())
            }
        }
    }

    fn peer(&mut self, name: &str) -> Result<&mut Peer, String> {
        self.peers.get_mut(name).ok_or(format!("{name} is not there"))
    }

    async fn receives(&mut self, peer: &str, expected: &[Element], ordered: bool) -> Result<(), String> {
        let mut open: Vec<&Element> = expected.iter().collect();
        while !open.is_empty() {
            let house = &self.house;
            let peer = self.peers.get_mut(peer).ok_or(format!("{peer} is not there"))?;
            let came = match peer.next(house).await? {
                Came::Element(element) => element,
                other => return Err(format!("{other:?} came, {} were still expected", open.len())),
            };
            let candidates = if ordered { 1 } else { open.len() };
            let mut reasons = Vec::new();
            let found = open[..candidates].iter().position(|expected| {
                self.names.match_element(expected, &came).map_err(|reason| reasons.push(reason)).is_ok()
            });
            match found {
                Some(found) => drop(open.remove(found)),
                None => {
                    let came = String::from_utf8_lossy(&came.to_bytes()).into_owned();
                    return Err(format!("{}\n  came {came}", reasons.join("; ")));
                }
            }
        }
        Ok(())
    }

    async fn receives_nothing(&mut self, peer: &str) -> Result<(), String> {
        for _ in 0..FENCE_ROUNDS {
            for other in self.peers.values_mut() {
                other.fence(&self.house).await?;
            }
            self.house.tick().await;
        }
        let house = &self.house;
        let peer = self.peers.get_mut(peer).ok_or(format!("{peer} is not there"))?;
        match peer.read_waiting(house).await? {
            None => Ok(()),
            Some(Came::Element(element)) => {
                Err(format!("came {}", String::from_utf8_lossy(&element.to_bytes())))
            }
            Some(other) => Err(format!("came {other:?}")),
        }
    }

    async fn is_disconnected(&mut self, peer: &str) -> Result<(), String> {
        let house = &self.house;
        let connected = self.peers.get_mut(peer).ok_or(format!("{peer} is not there"))?;
        match connected.next(house).await? {
            Came::End => {
                self.peers.remove(peer);
                Ok(())
            }
            other => Err(format!("{other:?} came")),
        }
    }
}
