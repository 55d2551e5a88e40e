//! One sound for many ears: encoded once per codec and tick, when it is first asked for.

use std::collections::BTreeMap;

use crate::codec::{Codec, Encoder};
use crate::opus;

/// The largest payload of 20 ms: G.722 and G.711 have 160 bytes, Opus less than this.
const PAYLOAD_BYTES_MAX: usize = opus::PACKET_BYTES_MAX;

/// The encoders of one sound, each with its latest payload.
#[derive(Debug, Default)]
pub(crate) struct Chorus {
    tick: u64,
    encoders: BTreeMap<Codec, Coded>,
}

#[derive(Debug)]
struct Coded {
    encoder: Encoder,
    payload: [u8; PAYLOAD_BYTES_MAX],
    length: usize,
    tick: u64,
}

impl Chorus {
    /// The next 20 ms begin.
    pub(crate) fn next(&mut self) {
        self.tick += 1;
    }

    /// This tick's payload; `samples` are the tick's sound at the codec's rate.
    pub(crate) fn payload(&mut self, codec: Codec, samples: &[i16]) -> &[u8] {
        let coded = self.encoders.entry(codec).or_insert_with(|| Coded {
            encoder: Encoder::new(codec),
            payload: [0; PAYLOAD_BYTES_MAX],
            length: 0,
            tick: u64::MAX,
        });
        if coded.tick != self.tick {
            coded.tick = self.tick;
            coded.length = coded.encoder.encode(samples, &mut coded.payload);
        }
        &coded.payload[..coded.length]
    }
}
