//! XML that belongs to a user and that only they and their clients understand: the card, private storage.

use bytes::Bytes;
use model::BareJid;

use crate::db::args;
use crate::{Error, Store};

/// Documents of one user.
pub const USER_DOCUMENTS_MAX: usize = 200;

const SELECT: &str = "SELECT content FROM user_document WHERE owner = $1 AND kind = $2";
const SELECT_KIND: &str = "SELECT owner, content FROM user_document WHERE kind = $1 ORDER BY owner";
const COUNT: &str = "SELECT COUNT(*) FROM user_document WHERE owner = $1 AND kind <> $2";
const PUT: &str = "INSERT INTO user_document (owner, kind, content) VALUES ($1, $2, $3) \
     ON CONFLICT (owner, kind) DO UPDATE SET content = excluded.content";
pub(crate) const REMOVE_OWNER: &str = "DELETE FROM user_document WHERE owner = $1";

pub(crate) const STATEMENTS: &[&str] = &[SELECT, SELECT_KIND, COUNT, PUT, REMOVE_OWNER];

impl Store {
    /// A document of a user by its kind, such as `vcard-temp`.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn user_document(&self, owner: &BareJid, kind: &str) -> Result<Option<Bytes>, Error> {
        let row = self.db().row(SELECT, args![owner, kind]).await?;
        row.map(|row| row.bytes(0).map(Bytes::from)).transpose()
    }

    /// Everybody's document of a kind.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn user_documents(&self, kind: &str) -> Result<Vec<(BareJid, Bytes)>, Error> {
        let rows = self.db().rows(SELECT_KIND, args![kind]).await?;
        rows.iter().map(|row| Ok((row.parsed(0)?, row.bytes(1)?.into()))).collect()
    }

    /// Keeps a document; an older one of the kind is replaced.
    ///
    /// # Errors
    /// [`Error::Limit`] when the user has too many; or the storage takes no writes.
    pub async fn user_document_put(&self, owner: &BareJid, kind: &str, content: Bytes) -> Result<(), Error> {
        let (owner, kind) = (owner.clone(), kind.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let others =
                    connection.row(COUNT, args![&owner, &*kind]).await?.map_or(Ok(0), |row| row.int(0))?;
                if usize::try_from(others).unwrap_or(usize::MAX) >= USER_DOCUMENTS_MAX {
                    return Err(Error::Limit { what: "private documents", max: USER_DOCUMENTS_MAX });
                }
                connection.execute(PUT, args![&owner, kind, content.to_vec()]).await.map(drop)
            })
        })
        .await
    }
}
