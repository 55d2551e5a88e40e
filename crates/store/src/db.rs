//! One way to speak to both databases: the same SQL text, arguments and rows as plain values.

use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{Arguments, Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::Error;

/// The database behind the store, for reading: a small pool.
#[derive(Clone, Debug)]
pub(crate) enum Db {
    Lite(SqlitePool),
    Pg(PgPool),
}

/// One connection: the writer's, or one that opens and migrates.
#[derive(Debug)]
pub(crate) enum Connection {
    Lite(SqliteConnection),
    Pg(PgConnection),
}

/// An argument of a statement. All numbers are 64 bits wide and truth is 0 or 1, on both databases.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    OptionalInt(Option<i64>),
    OptionalText(Option<String>),
}

/// A row of an answer; columns are read by their place.
pub(crate) enum Row {
    Lite(SqliteRow),
    Pg(PgRow),
}

/// A statement over many rows that come as one JSON array in `$1`; see [`bulk!`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    pub lite: &'static str,
    pub pg: &'static str,
}

/// Makes the two texts of a [`Bulk`]: between head and tail stands the table of the rows of `$1`, each in
/// the column `value`, whose fields are read with `value->>0`, `value->>1` and so on.
macro_rules! bulk {
    ($head:literal, $tail:literal) => {
        $crate::db::Bulk {
            lite: concat!($head, " json_each($1) AS e ", $tail),
            pg: concat!($head, " json_array_elements(CAST($1 AS json)) AS e(value) ", $tail),
        }
    };
}

/// Makes the argument list of a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}

pub(crate) use {args, bulk};

impl Db {
    pub(crate) async fn rows(&self, sql: &'static str, args: Vec<Value>) -> Result<Vec<Row>, Error> {
        Ok(match self {
            Self::Lite(pool) => {
                let rows = sqlx::query_with(sql, lite_arguments(args)?).fetch_all(pool).await?;
                rows.into_iter().map(Row::Lite).collect()
            }
            Self::Pg(pool) => {
                let rows = sqlx::query_with(sql, pg_arguments(args)?).fetch_all(pool).await?;
                rows.into_iter().map(Row::Pg).collect()
            }
        })
    }

    pub(crate) async fn row(&self, sql: &'static str, args: Vec<Value>) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Lite(pool) => pool.close().await,
            Self::Pg(pool) => pool.close().await,
        }
    }
}

impl Connection {
    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, args: Vec<Value>) -> Result<u64, Error> {
        Ok(match self {
            Self::Lite(c) => sqlx::query_with(sql, lite_arguments(args)?).execute(c).await?.rows_affected(),
            Self::Pg(c) => sqlx::query_with(sql, pg_arguments(args)?).execute(c).await?.rows_affected(),
        })
    }

    /// Runs a bulk statement over the rows of a JSON array.
    pub(crate) async fn execute_bulk(&mut self, bulk: Bulk, json: String) -> Result<u64, Error> {
        let sql = if matches!(self, Self::Lite(_)) { bulk.lite } else { bulk.pg };
        self.execute(sql, args![json]).await
    }

    pub(crate) async fn rows(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Vec<Row>, Error> {
        Ok(match self {
            Self::Lite(c) => {
                let rows = sqlx::query_with(sql, lite_arguments(args)?).fetch_all(c).await?;
                rows.into_iter().map(Row::Lite).collect()
            }
            Self::Pg(c) => {
                let rows = sqlx::query_with(sql, pg_arguments(args)?).fetch_all(c).await?;
                rows.into_iter().map(Row::Pg).collect()
            }
        })
    }

    pub(crate) async fn row(&mut self, sql: &'static str, args: Vec<Value>) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    pub(crate) async fn bulk_rows(&mut self, bulk: Bulk, json: String) -> Result<Vec<Row>, Error> {
        let sql = if matches!(self, Self::Lite(_)) { bulk.lite } else { bulk.pg };
        self.rows(sql, args![json]).await
    }

    /// Runs text of several statements without arguments: transactions, savepoints, migrations. Nothing
    /// that a user said ever comes into such a text.
    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), Error> {
        let sql = sqlx::AssertSqlSafe(sql);
        match self {
            Self::Lite(c) => sqlx::raw_sql(sql).execute(c).await.map(drop)?,
            Self::Pg(c) => sqlx::raw_sql(sql).execute(c).await.map(drop)?,
        }
        Ok(())
    }

    pub(crate) async fn close(self) {
        let closed = match self {
            Self::Lite(c) => c.close().await,
            Self::Pg(c) => c.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "the database connection did not close cleanly");
        }
    }
}

fn lite_arguments(values: Vec<Value>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        add(&mut arguments, value)?;
    }
    Ok(arguments)
}

fn pg_arguments(values: Vec<Value>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        add(&mut arguments, value)?;
    }
    Ok(arguments)
}

fn add<A>(arguments: &mut A, value: Value) -> Result<(), Error>
where
    A: Arguments,
    i64: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    String: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    Vec<u8>: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    Option<i64>: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    Option<String>: for<'q> sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
{
    match value {
        Value::Int(value) => arguments.add(value),
        Value::Text(value) => arguments.add(value),
        Value::Bytes(value) => arguments.add(value),
        Value::OptionalInt(value) => arguments.add(value),
        Value::OptionalText(value) => arguments.add(value),
    }
    .map_err(|error| Error::from(sqlx::Error::Encode(error)))
}

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, Error> {
        Ok(match self {
            Self::Lite(row) => row.try_get(column)?,
            Self::Pg(row) => row.try_get(column)?,
        })
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool, Error> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, Error> {
        Ok(match self {
            Self::Lite(row) => row.try_get(column)?,
            Self::Pg(row) => row.try_get(column)?,
        })
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Lite(row) => row.try_get(column)?,
            Self::Pg(row) => row.try_get(column)?,
        })
    }

    pub(crate) fn optional_int(&self, column: usize) -> Result<Option<i64>, Error> {
        Ok(match self {
            Self::Lite(row) => row.try_get(column)?,
            Self::Pg(row) => row.try_get(column)?,
        })
    }

    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<String>, Error> {
        Ok(match self {
            Self::Lite(row) => row.try_get(column)?,
            Self::Pg(row) => row.try_get(column)?,
        })
    }

    /// Reads text and parses it: addresses, numbers, times.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, column: usize) -> Result<T, Error> {
        parse(&self.text(column)?)
    }
}

/// Parses text that this program wrote.
pub(crate) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::Corrupt(format!("{text:?} is not a {}", std::any::type_name::<T>())))
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&model::BareJid> for Value {
    fn from(value: &model::BareJid) -> Self {
        Self::Text(value.as_str().to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::OptionalInt(value)
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::OptionalText(value)
    }
}
