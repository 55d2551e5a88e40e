//! Phones at a server: registration with a password, messages, subscriptions.

use std::net::SocketAddr;
use std::time::Duration;

use runtime::Runtime;
use sip::endpoint::Transport;
use sip::subscription::{Reason, State};

use super::super::{Error, Event, Notification, Phone, PhoneConfig};
use super::server::Server;
use super::world;

fn config(server: SocketAddr, password: &str) -> PhoneConfig {
    PhoneConfig {
        server: Some(server),
        password: password.to_owned(),
        ..PhoneConfig::new("1001", "localhost")
    }
}

async fn registered(server: SocketAddr, runtime: &Runtime) -> Phone {
    let mut phone = Phone::register(config(server, "secret"), runtime.clone()).await.unwrap();
    assert!(matches!(phone.events().recv().await, Some(Event::Registered { expires: 3_600 })));
    phone
}

async fn notified(phone: &mut Phone) -> Notification {
    match phone.events().recv().await {
        Some(Event::Notified(notification)) => notification,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_phone_registers_with_its_password_and_signs_off() {
    let runtime = world(1);
    let (server, seen) = Server::udp(&runtime, 0);
    let phone = registered(server, &runtime).await;
    phone.unregister().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["REGISTER 3600", "REGISTER 0"]);
}

#[tokio::test]
async fn a_wrong_password_is_refused_after_two_tries() {
    let runtime = world(2);
    let (server, seen) = Server::udp(&runtime, 0);
    let refused = Phone::register(config(server, "guess"), runtime.clone()).await;
    assert!(matches!(refused, Err(Error::Refused(401))), "{refused:?}");
    assert_eq!(seen.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_registration_is_refreshed_and_a_registrars_minimum_is_obeyed() {
    let runtime = world(3);
    let (server, seen) = Server::udp(&runtime, 2);
    let config = PhoneConfig { expires: Duration::from_secs(1), ..config(server, "secret") };
    let mut phone = Phone::register(config, runtime.clone()).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(phone.events().recv().await, Some(Event::Registered { expires: 2 })));
    }
    assert_eq!(*seen.lock().unwrap(), ["REGISTER 1", "REGISTER 2", "REGISTER 2"]);
}

#[tokio::test]
async fn a_phone_registers_and_speaks_over_tcp() {
    let runtime = world(4);
    let (server, seen) = Server::tcp(&runtime);
    let config = PhoneConfig { transport: Transport::Tcp, ..config(server, "secret") };
    let phone = Phone::register(config, runtime.clone()).await.unwrap();
    phone.message("1002", "hello").await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["REGISTER 3600", "MESSAGE 0"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported() {
    let runtime = world(5);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = runtime.listen_tcp(any, runtime::SocketOptions::default()).unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let config = PhoneConfig { transport: Transport::Tcp, ..config(nobody, "secret") };
    let refused = Phone::register(config, runtime.clone()).await;
    assert!(matches!(refused, Err(Error::Transport(_))), "{refused:?}");
}

#[tokio::test]
async fn a_subscription_tells_its_state_until_it_is_ended() {
    let runtime = world(6);
    let (server, seen) = Server::udp(&runtime, 0);
    let mut phone = registered(server, &runtime).await;
    let subscription = phone.subscribe("1002", "presence").await.unwrap();
    let first = notified(&mut phone).await;
    assert_eq!((first.subscription, first.package.as_str()), (subscription, "presence"));
    assert_eq!(first.state, State::Active { expires: Some(3_600) });
    assert_eq!(first.body.as_ref(), b"<presence/>");

    phone.unsubscribe(subscription).await.unwrap();
    let last = notified(&mut phone).await;
    assert_eq!(last.state, State::Terminated { reason: Some(Reason::Timeout), retry_after: None });
    assert!(matches!(phone.unsubscribe(subscription).await, Err(Error::NotPossible)));
    assert_eq!(*seen.lock().unwrap(), ["REGISTER 3600", "SUBSCRIBE 3600", "SUBSCRIBE 0"]);
}
