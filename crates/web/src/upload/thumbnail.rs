//! `?thumbnail`: a small picture of an uploaded one (XEP-0264), made when it is first asked for and then kept. What comes in
//! is hostile until proven small: its head is read first, and pixels, memory, time and the number at work are bounded.

use std::fs::File;
use std::io::BufReader;

use axum::http::header;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Rgb, RgbImage};
use store::Upload;
use tokio::sync::Semaphore;

use super::download::{Content, answer, find, validators};
use super::{Refusal, kind};
use crate::Web;
use crate::limits::{
    THUMBNAIL_EDGE_PIXELS, THUMBNAIL_MEMORY_BYTES_MAX, THUMBNAIL_PIXELS_MAX, THUMBNAIL_SOURCE_BYTES_MAX,
    THUMBNAIL_TIME_MAX, THUMBNAILS_AT_ONCE_MAX, THUMBNAILS_WAITING_MAX,
};

/// Good enough for a small picture.
const JPEG_QUALITY: u8 = 80;

/// Who makes pictures, and who waits for one.
pub(super) struct Makers {
    workers: std::sync::Arc<Semaphore>,
    waiting: Semaphore,
}

impl Default for Makers {
    fn default() -> Self {
        let workers = Semaphore::new(THUMBNAILS_AT_ONCE_MAX);
        Self { workers: workers.into(), waiting: Semaphore::new(THUMBNAILS_WAITING_MAX) }
    }
}

/// Gives the small picture of a file.
pub(super) async fn serve(
    web: &Web,
    id: &str,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let upload = find(web, id, name).await?;
    if !kind::is_picture(&upload.content_type) {
        return Err(Refusal::NoPicture);
    }
    let (file, size) = match web.rooms.files.open_thumbnail(&upload.id).await {
        Ok(made) => made,
        Err(_) => {
            make(web, &upload).await?;
            web.rooms.files.open_thumbnail(&upload.id).await.map_err(|_| Refusal::Failed)?
        }
    };
    // What cannot be made is tried once.
    if size == 0 {
        return Err(Refusal::NoPicture);
    }
    let (_, disposition) = kind::served("image/jpeg", &format!("{name}.jpg"));
    let fields =
        [(header::CONTENT_TYPE, "image/jpeg".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    let validators = validators(&upload, "-thumbnail");
    answer(&web.runtime, Content { validators, fields: fields.into(), file, size }, method, headers)
}

async fn make(web: &Web, upload: &Upload) -> Result<(), Refusal> {
    let makers = &web.uploads.makers;
    let _waiting = makers.waiting.try_acquire().map_err(|_| Refusal::Busy)?;
    if upload.size > THUMBNAIL_SOURCE_BYTES_MAX {
        return Err(Refusal::PictureTooLarge);
    }
    let made = async {
        let work = std::sync::Arc::clone(&makers.workers).acquire_owned().await.map_err(|_| Refusal::Busy)?;
        let (file, _) = web.rooms.files.open(&upload.id).await.map_err(|_| Refusal::Failed)?;
        let task = web.runtime.blocking(move || {
            let made = small_picture(file);
            // Given back when the work is done, also when nobody waits for it any more.
            drop(work);
            made
        });
        // A decoder that panics has met what is no picture.
        task.join().await.unwrap_or(Err(Refusal::NoPicture))
    };
    let made = tokio::time::timeout(THUMBNAIL_TIME_MAX, made).await.unwrap_or(Err(Refusal::Busy));
    let outcome = if made.is_ok() { "made" } else { "refused" };
    metrics::counter!("carillon_upload_thumbnails_total", "outcome" => outcome).increment(1);
    let bytes = match made {
        Ok(bytes) => bytes,
        Err(Refusal::NoPicture) => Bytes::new(),
        Err(other) => return Err(other),
    };
    web.rooms.files.keep_thumbnail(&upload.id, bytes).await.map_err(|error| {
        tracing::warn!(%error, "a small picture cannot be kept");
        Refusal::Failed
    })
}

/// A picture that fits a small square, upright, as JPEG, with nothing of what cameras write into files.
fn small_picture(file: File) -> Result<Bytes, Refusal> {
    let no_picture = |_| Refusal::NoPicture;
    let reader =
        ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|_| Refusal::NoPicture)?;
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    let is_large = u64::from(width) * u64::from(height) > THUMBNAIL_PIXELS_MAX;
    if is_large || decoder.total_bytes() > THUMBNAIL_MEMORY_BYTES_MAX {
        return Err(Refusal::PictureTooLarge);
    }
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(2 * THUMBNAIL_MEMORY_BYTES_MAX);
    decoder.set_limits(limits).map_err(refusal)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let whole = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    let edge = THUMBNAIL_EDGE_PIXELS;
    let is_small = width <= edge && height <= edge;
    let mut small = if is_small { whole } else { whole.thumbnail(edge, edge) };
    small.apply_orientation(orientation);
    let mut out = Vec::new();
    on_white(&small)
        .write_with_encoder(JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY))
        .map_err(no_picture)?;
    Ok(out.into())
}

/// JPEG knows nothing to see through.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let over = |colour: u32| {
            let mixed = (colour * alpha + 255 * (255 - alpha)) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

fn refusal(error: ImageError) -> Refusal {
    match error {
        ImageError::Limits(_) => Refusal::PictureTooLarge,
        _ => Refusal::NoPicture,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn encoded(width: u32, height: u32, pixel: Rgba<u8>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture = DynamicImage::from(RgbaImage::from_pixel(width, height, pixel));
        let picture = if format == ImageFormat::Jpeg { picture.to_rgb8().into() } else { picture };
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn small(bytes: &[u8]) -> Result<RgbImage, Refusal> {
        let small = small_picture(file(bytes))?;
        Ok(image::load_from_memory_with_format(&small, ImageFormat::Jpeg).unwrap().to_rgb8())
    }

    #[test]
    fn every_kind_of_picture_becomes_a_small_one() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let small = small(&encoded(1_024, 512, Rgba([250, 0, 0, 255]), format)).unwrap();
            assert_eq!(small.dimensions(), (256, 128), "{format:?}");
            let Rgb([red, green, blue]) = *small.get_pixel(9, 9);
            assert!(red > 240 && green < 15 && blue < 15, "{format:?}");
        }
    }

    #[test]
    fn a_small_picture_is_not_blown_up_and_what_is_clear_becomes_white() {
        let small = small(&encoded(16, 9, Rgba([0, 0, 0, 0]), ImageFormat::Png)).unwrap();
        assert_eq!(small.dimensions(), (16, 9));
        assert!(small.get_pixel(3, 3).0.iter().all(|colour| *colour > 250));
    }

    /// The head of a PNG that says it is huge, with a few bytes of content (PNG §11.2.2).
    fn bomb(width: u32, height: u32) -> Vec<u8> {
        let chunk = |kind: &[u8], content: &[u8]| {
            let mut crc = u32::MAX;
            for byte in kind.iter().chain(content) {
                crc ^= u32::from(*byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
                }
            }
            let length = u32::try_from(content.len()).unwrap().to_be_bytes();
            [&length, kind, content, &(!crc).to_be_bytes()].concat()
        };
        let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
        let content = [0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1];
        [b"\x89PNG\r\n\x1a\n", &*chunk(b"IHDR", &head), &chunk(b"IDAT", &content), &chunk(b"IEND", &[])]
            .concat()
    }

    #[test]
    fn a_bomb_is_refused_by_its_head() {
        assert_eq!(small(&bomb(50_000, 50_000)), Err(Refusal::PictureTooLarge));
        assert_eq!(small(&bomb(2_000_000_000, 1)), Err(Refusal::PictureTooLarge));
        assert_eq!(small(&bomb(100, 100)), Err(Refusal::NoPicture), "it ends early");
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let png = encoded(64, 64, Rgba([1, 2, 3, 255]), ImageFormat::Png);
        for bytes in [&b""[..], b"<svg/>", b"BM\0\0\0\0", &png[..40], &png[1..]] {
            assert_eq!(small(bytes), Err(Refusal::NoPicture), "{} bytes", bytes.len());
        }
    }
}
