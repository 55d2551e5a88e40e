//! The pages for people.

pub(crate) mod password;
pub(crate) mod sign_in;
pub(crate) mod status;
