//! WAV files (RIFF WAVE): read whole for announcements, written piece by piece for recordings.

use crate::g711::Law;
use crate::resample::Rate;

/// Bytes before the samples in a file that we write.
pub(crate) const HEADER_BYTES: usize = 44;
const FORMAT_PCM: u16 = 1;
const FORMAT_A_LAW: u16 = 6;
const FORMAT_MU_LAW: u16 = 7;
/// The format's real code is in its extension.
const FORMAT_EXTENSIBLE: u16 = 0xfffe;

/// Why a file is not played. All of it is the file's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// It is no WAV file, or it ends too early.
    #[error("not a WAV file, or cut short")]
    Malformed,
    /// It is coded in another way than 16-bit samples, A-law or µ-law.
    #[error("WAV format {format} with {bits} bits is not 16-bit PCM, A-law or µ-law")]
    Coding {
        /// The format tag.
        format: u16,
        /// Bits a sample.
        bits: u16,
    },
    /// It has another rate than 8, 16 or 48 kHz, or more than two channels.
    #[error("{hertz} Hz with {channels} channels is not 8, 16 or 48 kHz with one or two")]
    Shape {
        /// Samples a second.
        hertz: u32,
        /// Channels.
        channels: u16,
    },
}

struct Format {
    tag: u16,
    channels: u16,
    hertz: u32,
    bits: u16,
}

impl Format {
    fn parse(body: &[u8]) -> Option<Self> {
        let half = |at: usize| Some(u16::from_le_bytes(*body.get(at..)?.first_chunk()?));
        let hertz = u32::from_le_bytes(*body.get(4..)?.first_chunk()?);
        let tag = match half(0)? {
            FORMAT_EXTENSIBLE => half(24)?,
            tag => tag,
        };
        Some(Self { tag, channels: half(2)?, hertz, bits: half(14)? })
    }
}

/// Reads a file: its rate, and its samples with two channels mixed to one.
pub(crate) fn read(file: &[u8]) -> Result<(Rate, Vec<i16>), WavError> {
    let (mut format, mut data) = (None, None);
    for (name, body) in chunks(file).ok_or(WavError::Malformed)? {
        match &name {
            b"fmt " => format = Format::parse(body),
            b"data" if data.is_none() => data = Some(body),
            _ => {}
        }
    }
    let (Some(format), Some(data)) = (format, data) else { return Err(WavError::Malformed) };
    let shape = WavError::Shape { hertz: format.hertz, channels: format.channels };
    let rate = Rate::of(format.hertz).ok_or(shape)?;
    let samples: Vec<i16> = match (format.tag, format.bits) {
        (FORMAT_PCM, 16) => data.as_chunks::<2>().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect(),
        (FORMAT_A_LAW, 8) => data.iter().map(|code| Law::A.decode(*code)).collect(),
        (FORMAT_MU_LAW, 8) => data.iter().map(|code| Law::Mu.decode(*code)).collect(),
        (format, bits) => return Err(WavError::Coding { format, bits }),
    };
    match format.channels {
        1 => Ok((rate, samples)),
        2 => Ok((
            rate,
            samples.as_chunks::<2>().0.iter().map(|[left, right]| i16::midpoint(*left, *right)).collect(),
        )),
        _ => Err(shape),
    }
}

/// The chunks of a RIFF WAVE file; a last one that is cut short is given as far as it goes.
fn chunks(file: &[u8]) -> Option<impl Iterator<Item = ([u8; 4], &[u8])>> {
    let rest = file.strip_prefix(b"RIFF")?;
    let mut rest = rest.get(4..)?.strip_prefix(b"WAVE")?;
    Some(std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (body, after) = after.split_at(length.min(after.len()));
        // Chunks begin at even places.
        rest = after.get(length % 2..).unwrap_or_default();
        Some((*name, body))
    }))
}

/// The header of a file of 16-bit samples with `data_bytes` behind it.
pub(crate) fn header(rate: Rate, channels: u16, data_bytes: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let block = 2 * channels;
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &data_bytes.saturating_add(HEADER_BYTES as u32 - 8).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        &FORMAT_PCM.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate.hertz().to_le_bytes(),
        &(rate.hertz() * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &data_bytes.to_le_bytes(),
    ];
    let mut at = 0;
    for field in fields {
        header[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    header
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn file(rate: Rate, channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut file = header(rate, channels, 2 * samples.len() as u32).to_vec();
        file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    #[test]
    fn what_is_written_is_read() {
        let samples = [1, -2, 30_000, -30_000];
        assert_eq!(read(&file(Rate::Wide, 1, &samples)), Ok((Rate::Wide, samples.to_vec())));
    }

    #[test]
    fn two_channels_become_their_mean() {
        assert_eq!(read(&file(Rate::Full, 2, &[100, 200, -100, 100])), Ok((Rate::Full, vec![150, 0])));
    }

    #[test]
    fn chunks_that_nobody_knows_are_stepped_over() {
        let whole = file(Rate::Narrow, 1, &[5, 6]);
        let mut with_list = whole[..36].to_vec();
        with_list.extend(b"LIST\x03\0\0\0abc\0");
        with_list.extend(&whole[36..]);
        assert_eq!(read(&with_list), Ok((Rate::Narrow, vec![5, 6])));
    }

    #[test]
    fn the_telephones_codes_are_read() {
        let mut whole = file(Rate::Narrow, 1, &[0]);
        whole[20] = 6;
        whole[34] = 8;
        assert_eq!(read(&whole).unwrap().1, [Law::A.decode(0); 2]);
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        assert_eq!(read(b"OggS"), Err(WavError::Malformed));
        let mut other = file(Rate::Narrow, 1, &[0]);
        other[24..28].copy_from_slice(&44_100_u32.to_le_bytes());
        assert_eq!(read(&other), Err(WavError::Shape { hertz: 44_100, channels: 1 }));
        other[20] = 85;
        other[24..28].copy_from_slice(&8_000_u32.to_le_bytes());
        assert_eq!(read(&other), Err(WavError::Coding { format: 85, bits: 16 }));
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_fall(tail in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..60) {
            let mut bytes = file(Rate::Narrow, 1, &[1, 2, 3]);
            bytes.truncate(cut);
            bytes.extend(tail);
            let _ = read(&bytes);
        }
    }
}
