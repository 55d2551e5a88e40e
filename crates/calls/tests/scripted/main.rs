//! Scripted phones: plays `tests/sip/*.sip` against a switchboard, without a network and with a hand-moved clock.
//!
//! A script is a list of sentences such as `ann sends INVITE sip:1002@localhost with offer` and
//! `bob receives INVITE with offer`; the head of `script.rs` lists them all. After the last sentence everything
//! must have come to rest: no message unread, no call, no transaction, no media port.

mod application;
mod chaos;
mod directory;
mod flood;
mod phone;
mod script;
mod stage;

macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                script::play(concat!(stringify!($name), ".sip"));
            }
        )*

        const NAMES: &[&str] = &[$(concat!(stringify!($name), ".sip")),*];
    };
}

scripts! {
    alternate_routing
    announcement_before_refusal
    answer_call
    attendant
    attendant_after_ringing
    attendant_extension
    attendant_hours
    attendant_menus
    attendant_nothing_keyed
    attendant_toll_fraud
    auto_answer
    basic_call
    blind_transfer
    blind_transfer_after_hanging_up
    blind_transfer_fails
    busy
    bye_race
    call_back
    call_by_user_name
    call_limit
    call_limit_reloaded
    call_park
    call_records
    call_records_of_transfers
    call_return
    call_waiting
    callee_gives_no_answer
    cancel
    cancel_and_answer_cross
    conference
    conference_barge
    conference_meet_me
    conference_pin_guessed
    consultative_transfer
    consultative_transfer_refused
    cost_limits
    cost_limits_of_forwards
    cost_limits_of_rewritten_numbers
    cost_limits_of_transfers
    declined
    deflect_call
    destinations_in_turn
    device_limits
    device_limits_busy
    device_of_a_shared_line
    directed_pickup
    do_not_disturb
    do_not_disturb_silent
    early_media
    early_media_of_two_forks
    echo_service
    feature_codes_of_the_plan
    fork_both_phones_busy
    fork_two_phones
    forward_all
    forward_busy
    forward_by_code
    forward_loop
    forward_no_answer
    forward_unregistered
    glare
    hold_and_resume
    hunt_broadcast
    hunt_circular
    hunt_longest_idle
    hunt_not_disturbed
    hunt_top_down
    impatient_caller
    info_digits
    intercom
    keys
    line_limits
    locations
    loop_protection
    make_call
    media_resources
    music_of_the_line
    music_on_hold
    no_answer
    not_found
    not_registered
    offerless_invite
    offerless_with_prack
    overlap
    prack
    prack_with_offer
    queue
    queue_broadcast
    queue_order
    queue_overflow
    queue_passes_over
    queue_without_agents
    recording
    recording_of_two_policies
    recording_on_demand
    recording_without_codec
    redial
    refer_refused
    refused_requests
    regions
    replaces_refused
    replaces_talking
    retransmissions
    route_point
    route_point_and_reception
    route_point_failure
    route_point_no_application
    server_hold
    server_transfer
    services_of_the_plan
    session_interval_too_small
    session_timer_expires
    session_timer_refreshed
    shared_line
    speed_dial
    srtp
    srtp_off
    srtp_offered_over_tls
    srtp_required
    srtp_wrong_answers
    srtp_wrong_optional_answer
    t38
    transcoding
    transcoding_begins_and_ends
    transcoding_refused
    trunk_challenge
    trunk_challenge_within
    trunk_consultative_transfer
    trunk_distribution
    trunk_failover
    trunk_forward
    trunk_in
    trunk_out
    trunk_transcoding
    trunk_transfer
    trunk_withheld
    update
    update_to_a_phone_without_it
    user_with_two_lines
    video
    webrtc_calls
    webrtc_is_called
    webrtc_of_phones
    webrtc_refused
    withhold_number
    wrong_offers
}

#[test]
fn every_script_is_played() {
    let folder = script::folder();
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of scripts is there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".sip"))
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}
