//! The administrator's password: kept as an argon2id hash, chosen by the administrator, reset by a one-time one.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use runtime::Runtime;
use store::Store;

use crate::exit::Exit;
use crate::user::warn_of_weakness;
use crate::{Context, Failure, PasswordSet, Secret, password};

/// The password, in characters, at least.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The password, in bytes, at most.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// The name of the first administrator, who is always there and may do everything.
pub const FIRST: &str = "admin";
/// The setting that holds the hash of the chosen password.
const PASSWORD: &str = "administrator.password";
/// The setting that holds the hash of the one-time password, until one is chosen.
const ONE_TIME_PASSWORD: &str = "administrator.one_time_password";
/// Stands in for a password that is not set, so that its absence takes as long as a wrong one. It is the hash
/// of nothing that anybody can type.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Memory, passes and lanes of the hash: the second of the recommended settings (OWASP), 19 MiB.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a password was not set.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The administrator's fault: it can be guessed.
    #[error("the password needs at least {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// The administrator's fault.
    #[error("the password may have at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// The storage's fault.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Our fault: the hash could not be made.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// What a password is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Not the administrator's.
    Wrong,
    /// The one that the administrator chose.
    Right,
    /// The one-time password: another must be chosen.
    OneTime,
}

/// Sets the password that the administrator chose. The one-time password is void from then on.
///
/// # Errors
/// The password is too short or too long, or the storage takes no writes.
pub async fn set_password(store: &Store, runtime: &Runtime, password: &str) -> Result<(), Error> {
    check_length(password)?;
    store.setting_put(PASSWORD, &hash(runtime, password).await?).await?;
    store.setting_remove(ONE_TIME_PASSWORD).await?;
    Ok(())
}

/// Sets a one-time password, for a new node or an administrator who forgot theirs. Who signs in with it must
/// choose another before anything else; the chosen one of before keeps working until then.
///
/// # Errors
/// The password is too long, or the storage takes no writes.
pub async fn set_one_time_password(store: &Store, runtime: &Runtime, password: &str) -> Result<(), Error> {
    store.setting_put(ONE_TIME_PASSWORD, &hash(runtime, password).await?).await?;
    Ok(())
}

/// Tells what a password is. Takes the same time whether it is right, wrong, or none is set.
///
/// # Errors
/// The storage does not answer.
pub async fn check(store: &Store, runtime: &Runtime, password: &str) -> Result<Checked, store::Error> {
    let chosen = store.setting(PASSWORD).await?.unwrap_or_else(|| NOBODYS.to_owned());
    let one_time = store.setting(ONE_TIME_PASSWORD).await?.unwrap_or_else(|| NOBODYS.to_owned());
    let password = password.to_owned();
    let task = runtime.blocking(move || {
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Checked::Wrong;
        }
        match (verify(&chosen, &password), verify(&one_time, &password)) {
            (true, _) => Checked::Right,
            (false, true) => Checked::OneTime,
            (false, false) => Checked::Wrong,
        }
    });
    Ok(task.join().await.unwrap_or(Checked::Wrong))
}

/// Gives the administrator another password. Without one, a one-time password is made up, which the administrator
/// replaces when signing in.
///
/// # Errors
/// The password is not one, or the storage takes no writes.
pub async fn change_password(context: &Context, given: Option<Secret>) -> Result<PasswordSet, Failure> {
    let (store, runtime) = (&context.store, &context.runtime);
    let Some(Secret(password)) = given else {
        let password = password::random(runtime);
        set_one_time_password(store, runtime, &password).await.map_err(refused)?;
        return Ok(PasswordSet { password: Some(password), warnings: Vec::new() });
    };
    let mut warnings = Vec::new();
    warn_of_weakness(&mut warnings, "the password", &password, &["admin", "administrator"]);
    set_password(store, runtime, &password).await.map_err(refused)?;
    Ok(PasswordSet { password: None, warnings })
}

/// Is it long enough, and not too long?
pub(crate) fn check_length(password: &str) -> Result<(), Error> {
    match (password.chars().count(), password.len()) {
        (chars, _) if chars < PASSWORD_CHARS_MIN => Err(Error::TooShort),
        (_, bytes) if bytes > PASSWORD_BYTES_MAX => Err(Error::TooLong),
        _ => Ok(()),
    }
}

/// Does a password fit a hash? An empty hash fits nothing, and takes as long.
pub(crate) async fn fits(runtime: &Runtime, hash: &str, password: &str) -> bool {
    let hash = if hash.is_empty() { NOBODYS.to_owned() } else { hash.to_owned() };
    let password = password.to_owned();
    let task = runtime.blocking(move || {
        !password.is_empty() && password.len() <= PASSWORD_BYTES_MAX && verify(&hash, &password)
    });
    task.join().await.unwrap_or(false)
}

pub(crate) fn refused(error: Error) -> Failure {
    match error {
        Error::Store(error) => error.into(),
        Error::TooShort | Error::TooLong => Failure::invalid(error.to_string()),
        error => Failure::new(Exit::Failed, error.to_string()),
    }
}

pub(crate) async fn hash(runtime: &Runtime, password: &str) -> Result<String, Error> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Error::TooLong);
    }
    let mut salt = [0; 16];
    runtime.fill(&mut salt);
    let password = password.to_owned();
    let task = runtime.blocking(move || {
        let salt = SaltString::encode_b64(&salt)?;
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string())
    });
    let hashed = task.join().await.ok_or_else(|| Error::Hash("it was interrupted".to_owned()))?;
    hashed.map_err(|cause: argon2::password_hash::Error| Error::Hash(cause.to_string()))
}

fn verify(hash: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        tracing::error!("the administrator's password hash in the store is unreadable");
        return false;
    };
    // The parameters are those in the hash.
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct House {
        store: Store,
        runtime: Runtime,
        _directory: tempfile::TempDir,
    }

    async fn house() -> House {
        let runtime = Runtime::real();
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("store.db").display());
        let store = Store::open(&url, &runtime).await.unwrap();
        House { store, runtime, _directory: directory }
    }

    impl House {
        async fn check(&self, password: &str) -> Checked {
            check(&self.store, &self.runtime, password).await.unwrap()
        }
    }

    #[tokio::test]
    async fn the_one_time_password_is_void_once_another_is_chosen() {
        let house = house().await;
        let once = "abcde-fghij-kmnpq-rstuv";
        assert_eq!(house.check(once).await, Checked::Wrong);
        set_one_time_password(&house.store, &house.runtime, once).await.unwrap();
        assert_eq!(house.check(once).await, Checked::OneTime);
        set_password(&house.store, &house.runtime, "correct horse battery").await.unwrap();
        assert_eq!(house.check(once).await, Checked::Wrong);
        assert_eq!(house.check("correct horse battery").await, Checked::Right);
        assert_eq!(house.check("correct horse").await, Checked::Wrong);
    }

    #[tokio::test]
    async fn a_password_that_can_be_guessed_is_refused() {
        let house = house().await;
        let refused = set_password(&house.store, &house.runtime, "elevenchars").await;
        assert!(matches!(refused, Err(Error::TooShort)));
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        assert!(matches!(set_password(&house.store, &house.runtime, &long).await, Err(Error::TooLong)));
    }

    #[test]
    fn the_stand_in_is_a_readable_hash_that_nothing_fits() {
        assert!(PasswordHash::new(NOBODYS).is_ok());
        assert!(!verify(NOBODYS, ""));
        assert!(!verify(NOBODYS, "nobody has this"));
    }
}
