//! The scene: each line is printed when it was seen on the wire, not when it was asked for.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use runtime::Runtime;
use rustls::pki_types::CertificateDer;

use super::cast::{PATIENCE, Person, phone};
use super::{DOMAIN, ECHO};
use crate::config::ListenSection;
use crate::node::ECHO_NUMBER;

/// A call must show as presence within this time.
const PRESENCE_TIME_MAX: Duration = Duration::from_secs(1);
// What the phones play, in hertz.
const ANN_TONE: f64 = 440.0;
const BOB_TONE: f64 = 697.0;

/// Where the scene is played.
pub(super) struct Stage {
    /// Where the node listens.
    pub(super) listen: ListenSection,
    /// Its certificate, the only one that the clients believe.
    pub(super) certificate: CertificateDer<'static>,
    /// The clients' world.
    pub(super) runtime: Runtime,
}

/// Prints a step with the time since the beginning.
struct Narrator<'a> {
    runtime: &'a Runtime,
    start: Instant,
}

impl Narrator<'_> {
    fn tell(&self, text: &str) {
        let since = self.runtime.now().saturating_duration_since(self.start);
        println!("{:>6.2} s  {text}", since.as_secs_f64());
    }
}

/// Plays the main job to its end.
///
/// # Errors
/// A step was not seen: the text says which.
pub(super) async fn play(stage: &Stage) -> Result<()> {
    let narrator = Narrator { runtime: &stage.runtime, start: stage.runtime.now() };
    let mut ann = Person::arrive(stage, "ann", "laptop").await?;
    narrator.tell("ann signs in on her laptop (XMPP, STARTTLS, SCRAM)");
    let mut desk = Person::arrive(stage, "bob", "desk").await?;
    let mut mobile = Person::arrive(stage, "bob", "mobile").await?;
    narrator.tell("bob signs in at his desk and on his mobile");
    meet(&mut ann, &mut desk).await?;
    narrator.tell("ann and bob are colleagues, so neither adds the other; ann's client sees bob: available");
    presence_follows_the_call(stage, &narrator, &mut ann, (&mut desk, &mut mobile)).await?;
    sound_goes_both_ways(stage, &narrator).await?;
    ann.client.chat(ECHO, "are you there?").await?;
    ann.hears("are you there?").await?;
    narrator.tell("echo@localhost answers ann's message");
    for person in [&ann, &desk, &mobile] {
        person.client.close().await?;
    }
    narrator.tell("the scene is over; every step was seen on the wire");
    Ok(())
}

/// They belong to a shared group: each sees the other without asking.
async fn meet(ann: &mut Person, bob: &mut Person) -> Result<()> {
    ann.sees("bob", "bob available", |p| p.kind().is_empty() && p.show().is_empty()).await?;
    bob.sees("ann", "ann available", |p| p.kind().is_empty() && p.show().is_empty()).await?;
    Ok(())
}

/// bob's desk phone calls; ann's client says so; a message reaches all of bob's devices; then he is available.
async fn presence_follows_the_call(
    stage: &Stage,
    narrator: &Narrator<'_>,
    ann: &mut Person,
    (desk, mobile): (&mut Person, &mut Person),
) -> Result<()> {
    let bob_phone = phone(stage, "bob", "1002").await?;
    narrator.tell("bob's desk phone registers line 1002 (SIP, digest)");
    let call = bob_phone.call(ECHO_NUMBER).await?;
    call.audio().play_tone(BOB_TONE);
    call.connected().await?;
    let begun = stage.runtime.now();
    narrator.tell("bob's desk phone is in a call with 600");
    ann.sees("bob", "bob on the phone", |p| {
        p.show() == "away" && p.status().as_deref() == Some("On the phone")
    })
    .await?;
    let took = stage.runtime.now().saturating_duration_since(begun);
    narrator
        .tell(&format!("ann's client shows bob: “On the phone”, {} ms after the answer", took.as_millis()));
    ensure!(took <= PRESENCE_TIME_MAX, "the call showed as presence only after {} ms", took.as_millis());
    ann.client.chat(&format!("bob@{DOMAIN}"), "call me when you are free").await?;
    desk.hears("call me when you are free").await?;
    mobile.hears("call me when you are free").await?;
    narrator.tell("ann's message “call me when you are free” is on bob's desk and mobile");
    ensure!(call.audio().hears(BOB_TONE, PATIENCE).await, "the echo does not give bob's tone back");
    narrator.tell("the echo gives bob's phone its own 697 Hz back");
    call.hang_up().await?;
    ann.sees("bob", "bob available again", |p| p.kind().is_empty() && p.show().is_empty()).await?;
    narrator.tell("bob hangs up; ann's client shows bob: available");
    bob_phone.unregister().await?;
    Ok(())
}

/// ann's phone calls bob's number; each hears the other's tone.
async fn sound_goes_both_ways(stage: &Stage, narrator: &Narrator<'_>) -> Result<()> {
    let ann_phone = phone(stage, "ann", "1001").await?;
    let mut bob_phone = phone(stage, "bob", "1002").await?;
    let call = ann_phone.call("1002").await?;
    let ringing =
        tokio::time::timeout(PATIENCE, bob_phone.incoming()).await.context("bob's phone does not ring")?;
    let answered = ringing.context("bob's phone stopped")?;
    narrator.tell("ann's phone dials 1002; bob's phone rings");
    answered.answer().await?;
    call.connected().await?;
    call.audio().play_tone(ANN_TONE);
    answered.audio().play_tone(BOB_TONE);
    ensure!(answered.audio().hears(ANN_TONE, PATIENCE).await, "bob does not hear ann");
    narrator.tell("bob hears ann's 440 Hz");
    ensure!(call.audio().hears(BOB_TONE, PATIENCE).await, "ann does not hear bob");
    narrator.tell("ann hears bob's 697 Hz");
    call.hang_up().await?;
    answered.ended().await;
    narrator.tell("ann hangs up; bob's phone sees the call end");
    ann_phone.unregister().await?;
    bob_phone.unregister().await?;
    Ok(())
}
