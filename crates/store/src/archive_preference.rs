//! What users want archived (XEP-0441): only of those who said so; everybody else has the server's default.

use std::collections::BTreeSet;

use model::BareJid;
use serde_json::json;

use crate::db::{Row, args, parse};
use crate::{Error, Store};

/// Addresses that one user may name, always and never together.
pub const ARCHIVE_PREFERENCE_ADDRESSES_MAX: usize = 500;

const SELECT: &str = "SELECT owner, otherwise, always, never FROM archive_preference ORDER BY owner";
const SELECT_ONE: &str = "SELECT owner, otherwise, always, never FROM archive_preference WHERE owner = $1";
const PUT: &str = "INSERT INTO archive_preference (owner, otherwise, always, never) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (owner) DO UPDATE SET otherwise = excluded.otherwise, always = excluded.always, never = excluded.never";

pub(crate) const STATEMENTS: &[&str] = &[SELECT, SELECT_ONE, PUT];

/// What becomes of a message with somebody who is not named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArchiveDefault {
    /// It is archived.
    #[default]
    Always,
    /// It is archived when the other is in the roster.
    Roster,
    /// It is not.
    Never,
}

impl ArchiveDefault {
    /// The word of XEP-0441.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Roster => "roster",
            Self::Never => "never",
        }
    }
}

impl std::str::FromStr for ArchiveDefault {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "always" => Ok(Self::Always),
            "roster" => Ok(Self::Roster),
            "never" => Ok(Self::Never),
            _ => Err(()),
        }
    }
}

/// What one user wants archived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchivePreference {
    /// For everybody who is not named.
    pub otherwise: ArchiveDefault,
    /// Always with these.
    pub always: BTreeSet<BareJid>,
    /// Never with these.
    pub never: BTreeSet<BareJid>,
}

impl Store {
    /// The preferences of all who have some.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn archive_preferences(&self) -> Result<Vec<(BareJid, ArchivePreference)>, Error> {
        let rows = self.db().rows(SELECT, args![]).await?;
        rows.iter().map(|row| Ok((row.parsed(0)?, preference(row)?))).collect()
    }

    /// What one user wants; `None` for the server's default.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn archive_preference(&self, owner: &BareJid) -> Result<Option<ArchivePreference>, Error> {
        self.db().row(SELECT_ONE, args![owner]).await?.as_ref().map(preference).transpose()
    }

    /// Keeps what a user wants.
    ///
    /// # Errors
    /// [`Error::Limit`] when too many addresses are named; or the storage takes no writes.
    pub async fn archive_preference_put(
        &self,
        owner: &BareJid,
        preference: &ArchivePreference,
    ) -> Result<(), Error> {
        if preference.always.len() + preference.never.len() > ARCHIVE_PREFERENCE_ADDRESSES_MAX {
            return Err(Error::Limit {
                what: "addresses of archive preferences",
                max: ARCHIVE_PREFERENCE_ADDRESSES_MAX,
            });
        }
        let list = |all: &BTreeSet<BareJid>| {
            json!(all.iter().map(|jid| jid.as_str()).collect::<Vec<_>>()).to_string()
        };
        let arguments =
            args![owner, preference.otherwise.as_str(), list(&preference.always), list(&preference.never)];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(PUT, arguments).await.map(drop) })
        })
        .await
    }
}

fn preference(row: &Row) -> Result<ArchivePreference, Error> {
    Ok(ArchivePreference {
        otherwise: row.parsed(1)?,
        always: addresses(&row.text(2)?)?,
        never: addresses(&row.text(3)?)?,
    })
}

fn addresses(json: &str) -> Result<BTreeSet<BareJid>, Error> {
    let all: Vec<String> = serde_json::from_str(json)
        .map_err(|_| Error::Corrupt("addresses of an archive preference".to_owned()))?;
    all.iter().map(|address| parse(address)).collect()
}
