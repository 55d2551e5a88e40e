//! All that is kept: one file per noun, on SQLite and PostgreSQL.
