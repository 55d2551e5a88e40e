//! SRTP against the vectors of its RFCs, and against packets that were bent on the way.

use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn secret(suite: Suite, seed: u8) -> Secret {
    let bytes: Vec<u8> = (0..suite.secret_bytes()).map(|at| seed.wrapping_add(at as u8)).collect();
    Secret::new(suite, &bytes).unwrap()
}

/// The master key and salt of RFC 3711 §B.3.
fn rfc_3711_secret(suite: Suite) -> Secret {
    Secret::new(suite, &hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6")).unwrap()
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0; rtp::HEADER_BYTES];
    rtp::Header { marker: false, payload_type: 8, sequence, timestamp: 160, ssrc: 0xdead_beef }
        .write(&mut packet);
    packet.extend([7; 160]);
    packet
}

fn protected(protector: &mut Protector, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + OVERHEAD_BYTES_MAX, 0);
    let length = protector.protect_rtp(&mut buffer, packet.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn opened(protector: &mut Protector, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut buffer = packet.to_vec();
    let length = protector.open_rtp(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

#[test]
fn the_key_stream_is_that_of_rfc_3711_b_2() {
    let key = counter_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let counter = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    let mut stream = [0; 48];
    counter_mode(&key, *counter.first_chunk().unwrap(), &mut stream).unwrap();
    let expected =
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(stream.to_vec(), hex(expected));
}

#[test]
fn the_session_keys_are_those_of_rfc_3711_b_3() {
    let secret = rfc_3711_secret(Suite::AesCm128HmacSha1Tag80);
    let derived = |label: Label, length: usize| {
        let mut output = vec![0; length];
        derive(&secret, label as u8, &mut output).unwrap();
        output
    };
    assert_eq!(derived(Label::Encryption, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(Label::Salt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derived(Label::Authentication, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn whole_packets_under_the_keys_of_rfc_3711_b_3_are_as_others_make_them() {
    // The reference packets of libsrtp, which all implementations are compared with.
    let mut protector = Protector::new(&rfc_3711_secret(Suite::AesCm128HmacSha1Tag80)).unwrap();
    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let secured = hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    assert_eq!(protected(&mut protector, &plain), secured);
    let mut receiver = Protector::new(&rfc_3711_secret(Suite::AesCm128HmacSha1Tag80)).unwrap();
    assert_eq!(opened(&mut receiver, &secured), Ok(plain));

    let plain = hex("81c8000bcafebabe abababababababababababababababab");
    let secured = hex("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
    let mut buffer = plain.clone();
    buffer.resize(64, 0);
    let length = protector.protect_rtcp(&mut buffer, plain.len()).unwrap();
    assert_eq!(buffer[..length], secured);
}

#[test]
fn galois_counter_mode_is_that_of_rfc_7714_16_1() {
    let salt = *hex("51756964 2070726f 2071756f").first_chunk().unwrap();
    let plain = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573",
    );
    let cases = [
        (
            "000102030405060708090a0b0c0d0e0f",
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf \
             8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 \
             b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ];
    for (key, secured) in cases {
        let key = hex(key);
        let cipher = || {
            let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
            Cipher::Gcm { key: Box::new(LessSafeKey::new(UnboundKey::new(algorithm, &key).unwrap())), salt }
        };
        let protector = || Protector { rtp: cipher(), rtcp: cipher(), sources: Sources::default() };
        assert_eq!(protected(&mut protector(), &plain), hex(secured));
        assert_eq!(opened(&mut protector(), &hex(secured)), Ok(plain.clone()));
    }
}

#[test]
fn every_suite_opens_what_it_protects_and_is_as_long_as_its_tag() {
    for (suite, tag) in Suite::ALL.into_iter().zip([16, 16, 10, 4]) {
        let mut sender = Protector::new(&secret(suite, 1)).unwrap();
        let mut receiver = Protector::new(&secret(suite, 1)).unwrap();
        let plain = packet(5);
        let secured = protected(&mut sender, &plain);
        assert_eq!(secured.len(), plain.len() + tag, "{suite:?}");
        assert_eq!(secured[..12], plain[..12]);
        assert_eq!(opened(&mut receiver, &secured), Ok(plain));
        let report = hex("80c90001 00000009 81ca0002 00000009 01020304");
        for count in 1..4 {
            let mut buffer = report.clone();
            buffer.resize(64, 0);
            let length = sender.protect_rtcp(&mut buffer, report.len()).unwrap();
            let mut secured = buffer[..length].to_vec();
            let length = receiver.open_rtcp(&mut secured);
            assert_eq!(length, Ok(report.len()), "{suite:?} {count}");
            assert_eq!(secured[..report.len()], report);
            let mut again = buffer[..secured.len()].to_vec();
            assert_eq!(receiver.open_rtcp(&mut again), Err(Refused::Replayed));
        }
    }
}

#[test]
fn a_packet_is_taken_once_in_any_order_within_the_window() {
    let suite = Suite::AeadAes128Gcm;
    let (mut sender, mut receiver) =
        (Protector::new(&secret(suite, 1)).unwrap(), Protector::new(&secret(suite, 1)).unwrap());
    let packets: Vec<Vec<u8>> = (0..300).map(|sequence| protected(&mut sender, &packet(sequence))).collect();
    for place in [2, 0, 1] {
        assert!(opened(&mut receiver, &packets[place]).is_ok());
        assert_eq!(opened(&mut receiver, &packets[place]), Err(Refused::Replayed));
    }
    assert!(opened(&mut receiver, &packets[250]).is_ok());
    assert!(opened(&mut receiver, &packets[200]).is_ok());
    assert_eq!(opened(&mut receiver, &packets[100]), Err(Refused::Replayed), "too old to know");
}

#[test]
fn sequence_numbers_may_wrap_and_packets_may_be_missing_around_it() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) =
            (Protector::new(&secret(suite, 1)).unwrap(), Protector::new(&secret(suite, 1)).unwrap());
        for (number, sequence) in (65_500_u32..65_536 * 2 + 40).enumerate() {
            let plain = packet(sequence as u16);
            let secured = protected(&mut sender, &plain);
            if number % 50 != 36 {
                assert_eq!(opened(&mut receiver, &secured), Ok(plain), "{suite:?} {sequence}");
            }
        }
    }
}

#[test]
fn many_sources_are_remembered_and_forgotten_but_never_mixed_up() {
    let suite = Suite::AesCm128HmacSha1Tag80;
    let (mut sender, mut receiver) =
        (Protector::new(&secret(suite, 1)).unwrap(), Protector::new(&secret(suite, 1)).unwrap());
    for ssrc in 0..40_u32 {
        let mut plain = packet(9);
        plain[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let secured = protected(&mut sender, &plain);
        assert_eq!(opened(&mut receiver, &secured), Ok(plain));
    }
}

#[test]
fn names_are_those_of_sdp() {
    for suite in Suite::ALL {
        assert_eq!(Suite::named(suite.name().as_bytes()), Some(suite));
    }
    assert_eq!(Suite::named(b"F8_128_HMAC_SHA1_80"), None);
    assert!(Secret::new(Suite::AeadAes256Gcm, &[0; 30]).is_none());
    assert!(!format!("{:?}", secret(Suite::AeadAes128Gcm, 77)).contains("77"), "secrets are not for logs");
}

proptest! {
    #[test]
    fn a_packet_that_was_bent_is_never_taken(
        which in 0_usize..4, place in 0_usize..200, flip in 1_u8..=255, is_report: bool,
    ) {
        let suite = Suite::ALL[which];
        let mut sender = Protector::new(&secret(suite, 1)).unwrap();
        let mut receiver = Protector::new(&secret(suite, 1)).unwrap();
        let mut secured = if is_report {
            let mut buffer = hex("80c90001 00000009 81ca0002 00000009 01020304");
            let length = buffer.len();
            buffer.resize(64, 0);
            let length = sender.protect_rtcp(&mut buffer, length).unwrap();
            buffer.truncate(length);
            buffer
        } else {
            protected(&mut sender, &packet(5))
        };
        let place = place % secured.len();
        secured[place] ^= flip;
        let outcome = if is_report { receiver.open_rtcp(&mut secured) } else { receiver.open_rtp(&mut secured) };
        prop_assert!(outcome.is_err());
    }

    #[test]
    fn no_bytes_make_it_fall(bytes in prop::collection::vec(any::<u8>(), 0..100), which in 0_usize..4) {
        let mut receiver = Protector::new(&secret(Suite::ALL[which], 1)).unwrap();
        prop_assert!(receiver.open_rtp(&mut bytes.clone()).is_err());
        prop_assert!(receiver.open_rtcp(&mut bytes.clone()).is_err());
    }
}
