//! Files of users over real sockets: who may fill a slot and with what, and what is served to whom.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;

use std::time::Duration;

use house::{Answer, House, ask, exchange};
use store::{Slot, Upload, UploadId, UploadQuota};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DAY: Duration = Duration::from_secs(24 * 3_600);
const TOKEN: &str = "b0a7";

struct Wish {
    name: &'static str,
    content_type: &'static str,
    size: u64,
    slot_time: Duration,
    keep: Option<Duration>,
}

impl Wish {
    fn new(name: &'static str, content_type: &'static str, size: u64) -> Self {
        Self { name, content_type, size, slot_time: Duration::from_secs(300), keep: Some(90 * DAY) }
    }
}

/// A slot of ann's; gives its path.
async fn slot(house: &House, wish: Wish) -> String {
    let now = house.runtime.timestamp();
    let upload = Upload {
        id: UploadId::random(&house.runtime),
        owner: "ann@localhost".parse().unwrap(),
        name: wish.name.to_owned(),
        content_type: wish.content_type.to_owned(),
        size: wish.size,
        token: TOKEN.to_owned(),
        requested: now,
        stored: None,
        expires: Some(now.plus(wish.slot_time)),
    };
    let path = format!("/upload/{}/{}", upload.id, wish.name.replace(' ', "%20").replace('/', "%2F"));
    let quota = UploadQuota { files: 1_000, bytes: 1 << 40, within: DAY };
    assert_eq!(house.store.upload_slot(upload, quota, wish.keep).await.unwrap(), Slot::Given);
    path
}

async fn put(house: &House, path: &str, body: &str) -> Answer {
    put_with(house, path, &[], body).await
}

async fn put_with(house: &House, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
    let token = format!("Bearer {TOKEN}");
    let fields = [&[("Authorization", token.as_str())], fields].concat();
    ask(house.http(), "PUT", path, &fields, body).await
}

async fn get(house: &House, path: &str, fields: &[(&str, &str)]) -> Answer {
    ask(house.http(), "GET", path, fields, "").await
}

/// A file that is there; gives its path.
async fn stored(house: &House, name: &'static str, content_type: &'static str, body: &str) -> String {
    let path = slot(house, Wish::new(name, content_type, body.len() as u64)).await;
    let answer = put_with(house, &path, &[("Content-Type", content_type)], body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    path
}

/// Files on the disk, those that come in included.
fn on_disk(house: &House) -> usize {
    let Ok(folders) = std::fs::read_dir(house.files.folder()) else { return 0 };
    folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn what_was_put_can_be_had_by_everybody() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("my notes.txt", "text/plain", 5)).await;
    assert_eq!(get(&house, &path, &[]).await.status, 404, "not before it is there");
    let answer = put_with(&house, &path, &[("Content-Type", "text/plain;charset=UTF-8")], "hello").await;
    assert_eq!(answer.status, 201);
    for answer in [get(&house, &path, &[]).await, house.get_by_tls(&path).await] {
        assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
        assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.field("content-disposition"), Some("inline; filename*=UTF-8''my%20notes.txt"));
    }
    let head = ask(house.http(), "HEAD", &path, &[], "").await;
    assert_eq!((head.status, head.body.as_str(), head.field("content-length")), (200, "", Some("5")));
}

#[tokio::test]
async fn a_large_file_comes_back_as_it_went() {
    let house = House::start().await;
    let body: String = (0..100_000).map(|n| format!("{n:07}\n")).collect();
    let path = stored(&house, "numbers", "", &body).await;
    assert!(get(&house, &path, &[]).await.body == body);
    let part = get(&house, &path, &[("Range", "bytes=400000-599999")]).await;
    assert_eq!((part.status, part.field("content-length")), (206, Some("200000")));
    assert!(part.body == body[400_000..600_000]);
}

#[tokio::test]
async fn a_slot_is_filled_only_by_whom_it_was_given_to() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("a", "", 5)).await;
    for authorization in ["", "Bearer b0a8", "Bearer ", "Basic b0a7", "b0a7", "Bearer b0a7b0a7"] {
        let answer = ask(house.http(), "PUT", &path, &[("Authorization", authorization)], "hello").await;
        assert_eq!(answer.status, 403, "{authorization}");
    }
    assert_eq!(get(&house, &path, &[]).await.status, 404);
    assert_eq!(put(&house, &path, "hello").await.status, 201);
}

#[tokio::test]
async fn a_file_is_never_overwritten() {
    let house = House::start().await;
    let path = stored(&house, "a", "", "hello").await;
    assert_eq!(put(&house, &path, "HELLO").await.status, 409);
    assert_eq!(ask(house.http(), "PUT", &path, &[], "HELLO").await.status, 409);
    assert_eq!(get(&house, &path, &[]).await.body, "hello");
    for method in ["POST", "DELETE", "PATCH"] {
        assert_eq!(ask(house.http(), method, &path, &[], "").await.status, 405, "{method}");
    }
}

#[tokio::test]
async fn one_at_a_time_fills_a_slot() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("a", "", 5)).await;
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: 5\r\n\r\nhe"
    );
    let mut first = TcpStream::connect(house.http()).await.unwrap();
    first.write_all(head.as_bytes()).await.unwrap();
    while on_disk(&house) == 0 {
        house.runtime.sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(put(&house, &path, "HELLO").await.status, 409);
    assert_eq!(exchange(first, "llo").await.status, 201);
    assert_eq!(get(&house, &path, &[]).await.body, "hello");
}

#[tokio::test]
async fn what_is_not_what_was_announced_is_refused() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("a.png", "image/png", 5)).await;
    assert_eq!(put(&house, &path, "hell").await.status, 400);
    assert_eq!(put(&house, &path, "hello!").await.status, 413);
    assert_eq!(put_with(&house, &path, &[("Content-Type", "text/html")], "hello").await.status, 415);
    let chunked = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    );
    let stream = TcpStream::connect(house.http()).await.unwrap();
    assert_eq!(exchange(stream, &chunked).await.status, 411);
    assert_eq!((on_disk(&house), get(&house, &path, &[]).await.status), (0, 404));
    assert_eq!(put(&house, &path, "hello").await.status, 201, "the slot is still good");
}

#[tokio::test]
async fn half_a_file_is_no_file() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("a", "", 1 << 20)).await;
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1048576\r\n\r\n"
    );
    let mut stream = TcpStream::connect(house.http()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; 700_000]).await.unwrap();
    while on_disk(&house) == 0 {
        house.runtime.sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    while on_disk(&house) > 0 {
        house.runtime.sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(get(&house, &path, &[]).await.status, 404);
    assert_eq!(put(&house, &path, &"y".repeat(1 << 20)).await.status, 201, "it is tried again");
}

#[tokio::test]
async fn what_has_expired_is_neither_taken_nor_given() {
    let house = House::start().await;
    let past = Wish { slot_time: Duration::ZERO, ..Wish::new("a", "", 5) };
    let path = slot(&house, past).await;
    assert_eq!(put(&house, &path, "hello").await.status, 410);
    let short = Wish { keep: Some(Duration::ZERO), ..Wish::new("a", "", 5) };
    let path = slot(&house, short).await;
    assert_eq!(put(&house, &path, "hello").await.status, 201);
    assert_eq!(get(&house, &path, &[]).await.status, 410);
    house.files.expire(&house.store, house.runtime.timestamp()).await.unwrap();
    assert_eq!((get(&house, &path, &[]).await.status, on_disk(&house)), (404, 0));
}

#[tokio::test]
async fn nothing_can_be_walked_or_guessed() {
    let house = House::start().await;
    let path = stored(&house, "a.txt", "text/plain", "hello").await;
    let id = path.split('/').nth(2).unwrap().to_owned();
    let (upper, shorter) = (id.to_uppercase(), &id[1..]);
    for wrong in [
        "/upload".to_owned(),
        "/upload/".to_owned(),
        format!("/upload/{id}"),
        format!("/upload/{id}/"),
        format!("/upload/{id}/b.txt"),
        format!("/upload/{id}/a.txt/"),
        format!("/upload/{id}/..%2Fa.txt"),
        format!("/upload/{shorter}/a.txt"),
        format!("/upload/{}/a.txt", "0".repeat(id.len())),
        format!("/upload/..%2F{}/a.txt", &id[..2]),
        "/upload/incoming/a.txt".to_owned(),
        "/upload/../../../etc/passwd".to_owned(),
        "/upload/%2e%2e/%2e%2e%2fetc%2fpasswd".to_owned(),
        "/upload/..%2F..%2F..%2Fetc/passwd".to_owned(),
        "/upload/%00/%00".to_owned(),
    ] {
        for method in ["GET", "HEAD", "PUT"] {
            let status =
                ask(house.http(), method, &wrong, &[("Authorization", "Bearer b0a7")], "").await.status;
            assert!(matches!(status, 404 | 405), "{method} {wrong}: {status}");
        }
    }
    // Where every character is a digit the two are the same.
    if upper != id {
        assert_eq!(get(&house, &format!("/upload/{upper}/a.txt"), &[]).await.status, 404);
    }
    let not_text = get(&house, &format!("/upload/{id}/%ff"), &[]).await;
    assert!(matches!(not_text.status, 400 | 404), "{}", not_text.status);
    assert_eq!(ask(house.metrics(), "GET", &path, &[], "").await.status, 404, "metrics have no files");
}

#[tokio::test]
async fn a_name_is_no_way_to_another_place() {
    let house = House::start().await;
    let path = stored(&house, "../../etc/passwd", "text/plain", "hello").await;
    let answer = get(&house, &path, &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert_eq!(
        answer.field("content-disposition"),
        Some("inline; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd"),
        "a browser takes the last part"
    );
    assert_eq!(on_disk(&house), 1);
}

#[tokio::test]
async fn what_could_run_in_a_browser_is_saved() {
    let house = House::start().await;
    let page = "<script>alert(1)</script>";
    for (name, content_type) in [("a.html", "text/html"), ("a.svg", "image/svg+xml"), ("a.html", "")] {
        let path = stored(&house, name, content_type, page).await;
        let answer = get(&house, &path, &[("Accept", "text/html")]).await;
        assert_eq!(answer.field("content-type"), Some("application/octet-stream"), "{content_type}");
        assert!(answer.field("content-disposition").unwrap().starts_with("attachment; "));
        assert_eq!(answer.body, page);
    }
}

#[tokio::test]
async fn browsers_are_told_to_run_nothing_and_to_keep_cookies_away() {
    let house = House::start().await;
    let path = stored(&house, "a.png", "image/png", "hello").await;
    let cookie = house.signed_in().await;
    for answer in [
        get(&house, &path, &[("Cookie", &cookie), ("Origin", "https://evil.example")]).await,
        get(&house, &path, &[("Range", "bytes=9-")]).await,
        get(&house, "/upload/0/0", &[]).await,
        put(&house, &path, "HELLO").await,
    ] {
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.field("cross-origin-resource-policy"), Some("cross-origin"));
        assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.field("access-control-allow-credentials"), None);
        assert_eq!(answer.field("set-cookie"), None);
    }
}

#[tokio::test]
async fn a_client_in_a_browser_may_put_and_get() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("a", "", 5)).await;
    let fields = [("Origin", "https://chat.example"), ("Access-Control-Request-Method", "PUT")];
    let answer = ask(house.http(), "OPTIONS", &path, &fields, "").await;
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (204, Some("*")));
    assert!(answer.field("access-control-allow-methods").unwrap().contains("PUT"));
    assert!(answer.field("access-control-allow-headers").unwrap().contains("Authorization"));
    let cross = [("Origin", "https://chat.example"), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(put_with(&house, &path, &cross, "hello").await.status, 201);
    assert_eq!(get(&house, &path, &cross).await.status, 200);
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let house = House::start().await;
    let path = stored(&house, "a", "", "0123456789").await;
    let first = get(&house, &path, &[("Range", "bytes=0-3")]).await;
    assert_eq!((first.status, first.body.as_str()), (206, "0123"));
    assert_eq!(first.field("content-range"), Some("bytes 0-3/10"));
    assert_eq!(first.field("accept-ranges"), Some("bytes"));
    let etag = first.field("etag").unwrap();
    let rest = get(&house, &path, &[("Range", "bytes=4-"), ("If-Range", etag)]).await;
    assert_eq!((rest.status, rest.body.as_str()), (206, "456789"));
    let other = get(&house, &path, &[("Range", "bytes=4-"), ("If-Range", "\"other\"")]).await;
    assert_eq!((other.status, other.body.as_str()), (200, "0123456789"));
    let beyond = get(&house, &path, &[("Range", "bytes=10-")]).await;
    assert_eq!((beyond.status, beyond.field("content-range")), (416, Some("bytes */10")));
    let known = get(&house, &path, &[("If-None-Match", etag)]).await;
    assert_eq!((known.status, known.body.as_str(), known.field("etag")), (304, "", Some(etag)));
    let head = ask(house.http(), "HEAD", &path, &[("Range", "bytes=0-3")], "").await;
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
    let modified = first.field("last-modified").unwrap();
    assert_eq!(get(&house, &path, &[("If-Modified-Since", modified)]).await.status, 304);
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let house = House::start().await;
    let path = stored(&house, "a", "", "").await;
    let answer = get(&house, &path, &[]).await;
    assert_eq!((answer.status, answer.field("content-length"), answer.body.as_str()), (200, Some("0"), ""));
}

#[tokio::test]
async fn a_file_that_is_not_what_it_was_is_not_served() {
    let house = House::start().await;
    let path = stored(&house, "a", "", "hello").await;
    let id = path.split('/').nth(2).unwrap();
    let file = house.files.folder().join(&id[..2]).join(id);
    std::fs::write(&file, "hell").unwrap();
    assert_eq!(get(&house, &path, &[]).await.status, 503);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(get(&house, &path, &[]).await.status, 404);
}

#[tokio::test]
async fn the_file_of_a_user_who_was_removed_meanwhile_does_not_stay() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("a", "", 5)).await;
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: 5\r\n\r\nhe"
    );
    let mut stream = TcpStream::connect(house.http()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    while on_disk(&house) == 0 {
        house.runtime.sleep(Duration::from_millis(5)).await;
    }
    house.store.user_remove(&"ann@localhost".parse().unwrap()).await.unwrap();
    assert_eq!(exchange(stream, "llo").await.status, 410);
    assert_eq!(on_disk(&house), 0);
}

#[tokio::test]
async fn a_transfer_ends_when_the_node_stops() {
    let house = House::start().await;
    let path = slot(&house, Wish::new("a", "", 5)).await;
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 5\r\n\r\nhe"
    );
    let mut stream = TcpStream::connect(house.http()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    while on_disk(&house) == 0 {
        house.runtime.sleep(Duration::from_millis(5)).await;
    }
    house.runtime.stop();
    let mut answer = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(end.is_ok() && answer.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&answer));
    assert!(house.runtime.drained(Duration::from_secs(5)).await);
    assert_eq!(on_disk(&house), 0);
}

/// A red picture in PNG.
fn picture() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut picture = image::RgbaImage::new(600, 300);
    picture.pixels_mut().for_each(|pixel| *pixel = image::Rgba([200, 10, 10, 255]));
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Puts bytes that are no text.
async fn put_bytes(house: &House, path: &str, body: &[u8]) {
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(house.http()).await.unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test]
async fn a_picture_has_a_small_one() {
    let house = House::start().await;
    let picture = picture();
    let path = slot(&house, Wish::new("a.png", "image/png", picture.len() as u64)).await;
    put_bytes(&house, &path, &picture).await;
    let small = format!("{path}?thumbnail");
    for _ in 0..2 {
        let head = ask(house.http(), "HEAD", &small, &[], "").await;
        assert_eq!((head.status, head.field("content-type")), (200, Some("image/jpeg")));
        assert_eq!(head.field("x-content-type-options"), Some("nosniff"));
        let size: usize = head.field("content-length").unwrap().parse().unwrap();
        assert!((100..20_000).contains(&size), "{size}");
        assert_eq!(on_disk(&house), 2, "it is made once");
    }
    let whole = ask(house.http(), "HEAD", &path, &[], "").await;
    let etag = ask(house.http(), "HEAD", &small, &[], "").await.field("etag").map(str::to_owned);
    assert_ne!(whole.field("etag").map(str::to_owned), etag);
    house.store.user_remove(&"ann@localhost".parse().unwrap()).await.unwrap();
    house.files.remove_strays(&house.store).await.unwrap();
    assert_eq!((on_disk(&house), get(&house, &small, &[]).await.status), (0, 404));
}

#[tokio::test]
async fn what_only_calls_itself_a_picture_has_no_small_one() {
    let house = House::start().await;
    for (content_type, body) in
        [("image/png", "hello"), ("image/jpeg", ""), ("text/plain", "hello"), ("", "x")]
    {
        let path = stored(&house, "a.png", content_type, body).await;
        let small = format!("{path}?thumbnail");
        for _ in 0..2 {
            assert_eq!(get(&house, &small, &[]).await.status, 415, "{content_type}");
        }
        assert_eq!(get(&house, &path, &[]).await.status, 200);
    }
    assert_eq!(get(&house, "/upload/0/a.png?thumbnail", &[]).await.status, 404);
}
