//! What a description of one phone becomes for the other.

use super::*;

const OURS: &str = "192.0.2.1";

fn at(source: &str, claimed: Option<&str>) -> Whereabouts {
    Whereabouts { source: source.parse().unwrap(), claimed: claimed.map(|text| text.parse().unwrap()) }
}

fn read(text: &str, whereabouts: Whereabouts) -> Description {
    Secrecy::off()
        .read(&Bytes::copy_from_slice(text.replace('\n', "\r\n").as_bytes()), whereabouts, None)
        .unwrap()
}

fn written(text: &str) -> String {
    let description = read(text, at("10.0.0.5", None));
    let body = Said::new(400, Secrecy::off()).write(
        &description,
        OURS.parse().unwrap(),
        Lines::Offer(None),
        |at, _| Some(30_000 + 2 * at as u16),
    );
    String::from_utf8(body.unwrap().to_vec()).unwrap().replace("\r\n", "\n")
}

const AUDIO: &str = "v=0\no=ann 1 1 IN IP4 10.0.0.5\ns=call\nc=IN IP4 10.0.0.5\nt=0 0\n\
    m=audio 4000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\n";

#[test]
fn addresses_and_ports_become_ours_and_codecs_stay() {
    assert_eq!(
        written(AUDIO),
        "v=0\no=- 100 1 IN IP4 192.0.2.1\ns=call\nc=IN IP4 192.0.2.1\nt=0 0\n\
         m=audio 30000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\n"
    );
}

#[test]
fn ice_keys_and_rtcp_ports_are_cut_and_unknown_attributes_stay() {
    let text = format!(
        "{AUDIO}a=rtcp:4001\na=ice-ufrag:x\na=candidate:1 1 UDP 1 10.0.0.5 4000 typ host\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\na=x-new:thing\na=rtcp-mux\na=ptime:20\n"
    );
    let out = written(&text);
    for gone in ["rtcp:4001", "ice-ufrag", "candidate", "crypto"] {
        assert!(!out.contains(gone), "{gone} in {out}");
    }
    for kept in ["a=x-new:thing\n", "a=rtcp-mux\n", "a=ptime:20\n"] {
        assert!(out.contains(kept), "{kept} in {out}");
    }
}

#[test]
fn what_we_do_not_carry_is_refused_by_port_0() {
    let text = format!(
        "{AUDIO}m=application 4004 UDP/BFCP *\na=floorctrl:c-s\nm=video 4006 RTP/SAVP 96\nm=video 4008 RTP/AVP 97\n"
    );
    let out = written(&text);
    assert!(out.contains("m=application 0 UDP/BFCP *\n") && out.contains("m=video 0 RTP/"), "{out}");
    assert!(out.contains("m=video 30006 RTP/AVP 97\n") && !out.contains("floorctrl"), "{out}");
}

#[test]
fn without_a_port_for_any_line_there_is_no_description() {
    let description = read(AUDIO, at("10.0.0.5", None));
    assert_eq!(
        Said::new(1, Secrecy::off()).write(
            &description,
            OURS.parse().unwrap(),
            Lines::Offer(None),
            |_, _| None
        ),
        None
    );
}

#[test]
fn the_version_rises_only_with_a_change() {
    let mut said = Said::new(400, Secrecy::off());
    let mut say = |text: &str| {
        let description = read(text, at("10.0.0.5", None));
        let body =
            said.write(&description, OURS.parse().unwrap(), Lines::Offer(None), |_, _| Some(30_000)).unwrap();
        String::from_utf8_lossy(&body).split(' ').nth(2).unwrap().to_owned()
    };
    assert_eq!(say(AUDIO), "1");
    assert_eq!(say(&AUDIO.replace("ann 1 1", "ann 1 2")), "1", "another origin is no change of ours");
    assert_eq!(say(&format!("{AUDIO}a=sendonly\n")), "2");
}

#[test]
fn a_hold_of_rfc_2543_goes_out_in_todays_words() {
    let out = written(&AUDIO.replace("c=IN IP4 10.0.0.5", "c=IN IP4 0.0.0.0"));
    assert!(out.contains("c=IN IP4 192.0.2.1\n") && out.contains("a=sendonly\n"), "{out}");
}

fn reach(address: &str, whereabouts: Whereabouts) -> (String, Learn) {
    let description = read(&AUDIO.replace("c=IN IP4 10.0.0.5", &format!("c=IN IP4 {address}")), whereabouts);
    let remote = description.lines()[0].remote(&Agreed::default(), false).unwrap();
    (remote.rtp.to_string(), remote.learn)
}

#[test]
fn media_goes_where_the_description_says() {
    let host = "10.0.0.5".parse().unwrap();
    assert_eq!(reach("10.0.0.5", at("10.0.0.5", None)), ("10.0.0.5:4000".to_owned(), Learn::FromHost(host)));
    let other = "10.0.0.9".parse().unwrap();
    let expected = ("10.0.0.9:4000".to_owned(), Learn::FromHost(other));
    assert_eq!(reach("10.0.0.9", at("10.0.0.5", Some("10.0.0.5"))), expected);
}

#[test]
fn behind_a_nat_media_goes_where_the_signalling_came_from() {
    let outside = "198.51.100.7".parse().unwrap();
    let expected = ("198.51.100.7:4000".to_owned(), Learn::FromHost(outside));
    assert_eq!(reach("10.0.0.5", at("198.51.100.7", None)), expected);
    let masquerading = "192.168.7.2".parse().unwrap();
    let expected = ("192.168.7.2:4000".to_owned(), Learn::FromHost(masquerading));
    assert_eq!(reach("10.0.0.5", at("192.168.7.2", Some("10.0.0.5"))), expected);
}

#[test]
fn nobody_has_us_send_to_services_of_this_machine_or_to_a_group() {
    let phone = "10.0.0.5".parse().unwrap();
    for loopback in ["127.0.0.1", "127.9.9.9"] {
        let expected = ("10.0.0.5:4000".to_owned(), Learn::FromHost(phone));
        assert_eq!(reach(loopback, at("10.0.0.5", None)), expected);
    }
    assert_eq!(reach("127.0.0.1", at("127.0.0.1", None)).0, "127.0.0.1:4000");
    let group = read(&AUDIO.replace("c=IN IP4 10.0.0.5", "c=IN IP4 224.2.1.1/127"), at("10.0.0.5", None));
    assert_eq!(group.lines()[0].remote(&Agreed::default(), false), None);
}

#[test]
fn a_phone_on_this_machine_may_send_from_any_of_its_addresses() {
    assert_eq!(
        reach("10.0.0.5", at("127.0.0.1", Some("10.0.0.5"))),
        ("10.0.0.5:4000".to_owned(), Learn::Any)
    );
}

#[test]
fn rtcp_shares_a_port_only_when_both_say_so() {
    let [with, without] =
        ["a=rtcp-mux\n", ""].map(|line| read(&format!("{AUDIO}{line}"), at("10.0.0.5", None)));
    let shares = |told: &Description, heard: &Description| {
        let mut said = Said::new(1, Secrecy::off());
        said.write(told, OURS.parse().unwrap(), Lines::Offer(None), |_, _| Some(30_000)).unwrap();
        heard.lines()[0].remote(&said.agreed(heard)[0], false).unwrap().mux
    };
    assert!(shares(&with, &with) && !shares(&with, &without) && !shares(&without, &with));
}
