//! GET and HEAD: a file to everybody who has its address, whole or in parts (RFC 9110 §14).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use runtime::Runtime;
use store::{Upload, UploadId};

use super::range::{Validators, Wanted, wanted, written};
use super::{Refusal, kind, storage_failed, thumbnail};
use crate::Web;
use crate::routes::Place;

/// Bytes that are read at a time.
const READ_BYTES: u64 = 128 * 1024;
/// A file never changes under its address; but it may be taken away.
const CACHE: &str = "private, max-age=86400, immutable";

/// Gives a file.
pub(crate) async fn get(
    State(place): State<Place>,
    Path((id, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let served = match query.as_deref() {
        Some("thumbnail") => thumbnail::serve(&place.web, &id, &name, &method, &headers).await,
        _ => serve(&place.web, &id, &name, &method, &headers).await,
    };
    match served {
        Ok(response) => {
            metrics::counter!("carillon_upload_served_total").increment(1);
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn serve(
    web: &Web,
    id: &str,
    name: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let upload = find(web, id, name).await?;
    let (file, size) = open(web, &upload).await?;
    let (content_type, disposition) = kind::served(&upload.content_type, &upload.name);
    let fields =
        [(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    let content = Content { validators: validators(&upload, ""), fields: fields.into(), file, size };
    answer(&web.runtime, content, method, headers)
}

/// The file of an address, if there is one and its time is not over.
pub(crate) async fn find(web: &Web, id: &str, name: &str) -> Result<Upload, Refusal> {
    let id: UploadId = id.parse().map_err(|_| Refusal::NotFound)?;
    let upload = web.rooms.store.upload(&id).await.map_err(|error| storage_failed(&error))?;
    let is_there = |upload: &Upload| upload.stored.is_some() && upload.name == name;
    let upload = upload.filter(is_there).ok_or(Refusal::NotFound)?;
    if upload.is_expired(web.runtime.timestamp()) { Err(Refusal::Gone) } else { Ok(upload) }
}

async fn open(web: &Web, upload: &Upload) -> Result<(File, u64), Refusal> {
    let (id, expected) = (&upload.id, upload.size);
    match web.rooms.files.open(id).await {
        Ok((file, size)) if size == expected => Ok((file, size)),
        Ok((_, size)) => {
            tracing::error!(%id, size, expected, "an uploaded file has another size than it had");
            Err(Refusal::Failed)
        }
        Err(error) => {
            tracing::error!(%id, %error, "an uploaded file cannot be read");
            Err(if error.kind() == io::ErrorKind::NotFound { Refusal::NotFound } else { Refusal::Failed })
        }
    }
}

pub(crate) fn validators(upload: &Upload, what: &str) -> Validators {
    let stored = upload.stored.unwrap_or(upload.requested);
    Validators {
        etag: format!("\"{:x}-{:x}{what}\"", stored.0, upload.size),
        modified: u64::try_from(stored.seconds()).unwrap_or(0),
    }
}

/// What is sent, and what is said of it.
pub(crate) struct Content {
    pub(crate) validators: Validators,
    pub(crate) fields: Vec<(HeaderName, String)>,
    pub(crate) file: File,
    pub(crate) size: u64,
}

/// The answer that the conditions and the range of the request lead to.
pub(crate) fn answer(
    runtime: &Runtime,
    content: Content,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let Content { validators, mut fields, file, size } = content;
    fields.push((header::ETAG, validators.etag.clone()));
    fields.push((header::LAST_MODIFIED, written(validators.modified)));
    fields.push((header::CACHE_CONTROL, CACHE.to_owned()));
    fields.push((header::ACCEPT_RANGES, "bytes".to_owned()));
    // §14.2: a range is for GET alone.
    let (status, first, length) = match wanted(headers, &validators, size) {
        Wanted::Part(first, last) if *method == Method::GET => {
            fields.push((header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        Wanted::Unsatisfiable if *method == Method::GET => {
            let range = (header::CONTENT_RANGE, format!("bytes */{size}"));
            return Ok(
                (StatusCode::RANGE_NOT_SATISFIABLE, [range], "There are no such bytes.\n").into_response()
            );
        }
        Wanted::Whole | Wanted::Part(..) | Wanted::Unsatisfiable => (StatusCode::OK, 0, size),
        Wanted::NotModified => (StatusCode::NOT_MODIFIED, 0, 0),
        Wanted::ConditionFailed => return Err(Refusal::ConditionFailed),
    };
    let is_empty = status == StatusCode::NOT_MODIFIED || *method == Method::HEAD;
    let mut response = status.into_response();
    if !is_empty {
        metrics::counter!("carillon_upload_served_bytes_total").increment(length);
        *response.body_mut() = Body::from_stream(stream(runtime.clone(), file, first, length));
    }
    if status != StatusCode::NOT_MODIFIED {
        fields.push((header::CONTENT_LENGTH, length.to_string()));
    }
    for (name, value) in fields {
        let value = HeaderValue::try_from(value).map_err(|_| Refusal::Failed)?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The bytes, read as the client takes them. One that ends early breaks the connection: nobody takes half for all.
fn stream(
    runtime: Runtime,
    file: File,
    first: u64,
    length: u64,
) -> impl futures::Stream<Item = io::Result<Bytes>> {
    futures::stream::try_unfold((file, first, length), move |(mut file, at, left)| {
        let runtime = runtime.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let read = runtime.blocking(move || {
                let mut buffer = vec![0; usize::try_from(left.min(READ_BYTES)).unwrap_or(0)];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut buffer)?;
                Ok((file, Bytes::from(buffer)))
            });
            let (file, bytes) = read.join().await.unwrap_or_else(|| Err(io::Error::other("interrupted")))?;
            let count = bytes.len() as u64;
            Ok(Some((bytes, (file, at + count, left - count))))
        }
    })
}
