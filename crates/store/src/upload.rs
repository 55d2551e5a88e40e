//! Uploaded files (XEP-0363) as rows: a slot is asked for, filled once, and expires. The contents are in [`crate::Files`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model::{BareJid, Timestamp};
use runtime::Runtime;

use crate::db::{Connection, Row, args};
use crate::{Error, Store};

/// Expired rows that are removed in one go.
pub const UPLOADS_EXPIRED_PAGE: usize = 500;
/// Random bytes in an id, which is all that a download needs to know.
const ID_BYTES: usize = 20;
/// Rows that are looked at to find out when a quota has room again.
const QUOTA_ROWS_MAX: i64 = 10_000;

const COLUMNS: &str =
    "SELECT id, owner, name, content_type, size, token, requested, stored, expires FROM upload WHERE id = $1";
const INSERT: &str = "INSERT INTO upload (id, owner, name, content_type, size, token, requested, expires, keep) \
     SELECT $1, u.jid, $3, $4, $5, $6, $7, $8, $9 FROM users u WHERE u.jid = $2";
const USED: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM upload \
     WHERE owner = $1 AND requested > $2 AND (stored IS NOT NULL OR expires > $3)";
const USED_BY: &str = "SELECT requested, size FROM upload WHERE owner = $1 AND requested > $2 \
     AND (stored IS NOT NULL OR expires > $3) ORDER BY requested LIMIT $4";
const STORED: &str = "UPDATE upload SET stored = $2, expires = $2 + keep, token = '' \
     WHERE id = $1 AND stored IS NULL AND expires > $2";
const BEGUN: &str =
    "UPDATE upload SET expires = $3 WHERE id = $1 AND stored IS NULL AND expires > $2 AND expires < $3";
const EXPIRED: &str = "SELECT id FROM upload WHERE expires <= $1 ORDER BY expires LIMIT $2";
const DELETE: &str = "DELETE FROM upload WHERE id = $1";
const OF_OWNER: &str = "SELECT id FROM upload WHERE owner = $1 ORDER BY id";
const BETWEEN: &str = "SELECT id, size, stored FROM upload WHERE id >= $1 AND id < $2 ORDER BY id";
const TOTAL: &str =
    "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM upload WHERE stored IS NOT NULL";
pub(crate) const REMOVE_OWNER: &str = "DELETE FROM upload WHERE owner = $1";

pub(crate) const STATEMENTS: &[&str] =
    &[COLUMNS, INSERT, USED, USED_BY, BEGUN, STORED, EXPIRED, DELETE, OF_OWNER, BETWEEN, TOTAL, REMOVE_OWNER];

/// The name of an upload: 160 random bits in lower-case hexadecimal. Whoever knows it may download the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UploadId(String);

/// The text is not the name of an upload.
#[derive(Debug, thiserror::Error)]
#[error("not the name of an upload")]
pub struct UploadIdError;

impl UploadId {
    /// A new one.
    pub fn random(runtime: &Runtime) -> Self {
        Self(runtime.random_token(ID_BYTES))
    }

    /// As it stands in addresses and file names.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = UploadIdError;

    fn from_str(text: &str) -> Result<Self, UploadIdError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 2 * ID_BYTES && text.bytes().all(is_digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(UploadIdError)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file, or the slot for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// Who uploads it.
    pub owner: BareJid,
    /// What the user calls it.
    pub name: String,
    /// The media type that was announced; empty for none.
    pub content_type: String,
    /// Its size in bytes, as announced.
    pub size: u64,
    /// What allows to fill the slot; empty once it is filled.
    pub token: String,
    /// When the slot was asked for.
    pub requested: Timestamp,
    /// When the file was complete; `None` while there is only the slot.
    pub stored: Option<Timestamp>,
    /// When the slot ends, or the file once it is there; `None` for never.
    pub expires: Option<Timestamp>,
}

impl Upload {
    /// True once its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What one user may ask for within a time that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadQuota {
    /// Files.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The time.
    pub within: Duration,
}

/// What became of a wish for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// It is there.
    Given,
    /// The quota is used up; there is room for this file again at that time.
    Exceeded(Timestamp),
}

/// How an upload stands in a check of the contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub id: UploadId,
    pub size: u64,
    pub stored: bool,
}

impl Store {
    /// Gives a slot for a file, if the owner's quota allows. Once filled the file is kept for `keep`; `None` for ever.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the owner has no account; or the storage takes no writes.
    pub async fn upload_slot(
        &self,
        upload: Upload,
        quota: UploadQuota,
        keep: Option<Duration>,
    ) -> Result<Slot, Error> {
        self.write(move |connection| Box::pin(async move { slot(connection, upload, quota, keep).await }))
            .await
    }

    /// A slot or a file by its name.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn upload(&self, id: &UploadId) -> Result<Option<Upload>, Error> {
        self.db().row(COLUMNS, args![id.as_str()]).await?.as_ref().map(upload).transpose()
    }

    /// The file has begun to come in: its slot lasts until then at least, so that slow lines have their time.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn upload_begun(&self, id: &UploadId, now: Timestamp, until: Timestamp) -> Result<(), Error> {
        let arguments = args![id.as_str(), now.0, until.0];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(BEGUN, arguments).await.map(drop) })
        })
        .await
    }

    /// The slot is filled: from now on there is a file. False when there was no such slot, or no longer.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn upload_stored(&self, id: &UploadId, now: Timestamp) -> Result<bool, Error> {
        let arguments = args![id.as_str(), now.0];
        self.write(move |connection| {
            Box::pin(async move { Ok(connection.execute(STORED, arguments).await? > 0) })
        })
        .await
    }

    /// Removes what has expired, at most [`UPLOADS_EXPIRED_PAGE`] in one go; gives the names of what is gone.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn uploads_expire(&self, now: Timestamp) -> Result<Vec<UploadId>, Error> {
        let page = i64::try_from(UPLOADS_EXPIRED_PAGE).unwrap_or(1);
        let arguments = args![now.0, page];
        self.write(move |connection| {
            Box::pin(async move {
                let mut gone = Vec::new();
                for row in connection.rows(EXPIRED, arguments).await? {
                    connection.execute(DELETE, args![row.text(0)?]).await?;
                    gone.push(row.parsed(0)?);
                }
                Ok(gone)
            })
        })
        .await
    }

    /// The names of all slots and files of a user.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn uploads_of(&self, owner: &BareJid) -> Result<Vec<UploadId>, Error> {
        self.db().rows(OF_OWNER, args![owner]).await?.iter().map(|row| row.parsed(0)).collect()
    }

    /// How many files there are, and their bytes.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn uploads_total(&self) -> Result<(u64, u64), Error> {
        let Some(row) = self.db().row(TOTAL, args![]).await? else { return Ok((0, 0)) };
        Ok((unsigned(row.int(0)?), unsigned(row.int(1)?)))
    }

    /// All slots and files whose names begin with these digits.
    pub(crate) async fn uploads_beginning(&self, digits: &str) -> Result<Vec<Listed>, Error> {
        // `g` stands behind all hexadecimal digits.
        let rows = self.db().rows(BETWEEN, args![digits, format!("{digits}g")]).await?;
        rows.iter()
            .map(|row| {
                let stored = row.optional_int(2)?.is_some();
                Ok(Listed { id: row.parsed(0)?, size: unsigned(row.int(1)?), stored })
            })
            .collect()
    }
}

async fn slot(
    connection: &mut Connection,
    upload: Upload,
    quota: UploadQuota,
    keep: Option<Duration>,
) -> Result<Slot, Error> {
    let now = upload.requested;
    let since = now.0.saturating_sub(signed(quota.within.as_micros()));
    let used = connection.row(USED, args![&upload.owner, since, now.0]).await?;
    let (files, bytes) = used.map_or(Ok((0, 0)), |row| Ok::<_, Error>((row.int(0)?, row.int(1)?)))?;
    let fits = |files: i64, bytes: i64| {
        unsigned(files) < quota.files && unsigned(bytes).saturating_add(upload.size) <= quota.bytes
    };
    if !fits(files, bytes) {
        let (mut files, mut bytes, mut retry) = (files, bytes, now.plus(quota.within));
        for row in connection.rows(USED_BY, args![&upload.owner, since, now.0, QUOTA_ROWS_MAX]).await? {
            (files, bytes) = (files - 1, bytes - row.int(1)?);
            if fits(files, bytes) {
                retry = Timestamp(row.int(0)?).plus(quota.within);
                break;
            }
        }
        return Ok(Slot::Exceeded(retry));
    }
    let arguments = args![
        upload.id.as_str(),
        &upload.owner,
        upload.name,
        upload.content_type,
        signed(upload.size.into()),
        upload.token,
        now.0,
        upload.expires.map(|expires| expires.0),
        keep.map(|keep| signed(keep.as_micros())),
    ];
    if connection.execute(INSERT, arguments).await? == 0 {
        return Err(Error::NotFound(format!("user {}", upload.owner)));
    }
    Ok(Slot::Given)
}

fn upload(row: &Row) -> Result<Upload, Error> {
    Ok(Upload {
        id: row.parsed(0)?,
        owner: row.parsed(1)?,
        name: row.text(2)?,
        content_type: row.text(3)?,
        size: unsigned(row.int(4)?),
        token: row.text(5)?,
        requested: Timestamp(row.int(6)?),
        stored: row.optional_int(7)?.map(Timestamp),
        expires: row.optional_int(8)?.map(Timestamp),
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_ours_is_a_name() {
        let id = UploadId::random(&Runtime::real());
        assert_eq!(id.as_str().parse::<UploadId>().unwrap(), id);
        assert_eq!(id.as_str().len(), 40, "160 bits cannot be guessed");
        let upper = id.as_str().to_uppercase().replace(|c: char| c.is_ascii_digit(), "A");
        let long = format!("{id}0");
        for text in ["", "..", "../../etc/passwd", &id.as_str()[1..], &upper, &long] {
            assert!(text.parse::<UploadId>().is_err(), "{text}");
        }
    }
}
