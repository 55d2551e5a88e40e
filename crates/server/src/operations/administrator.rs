//! The administrator of the web pages: the password that `web` asks for.

use web::administrator;

use super::user::warn_of_weakness;
use super::{Context, Failure, PasswordSet, Secret, password};
use crate::exit::Exit;

/// Gives the administrator another password. Without one, a one-time password is made up, which the administrator
/// replaces when signing in.
///
/// # Errors
/// The password is not one, or the storage takes no writes.
pub async fn set_password(context: &Context, given: Option<Secret>) -> Result<PasswordSet, Failure> {
    let (store, runtime) = (&context.store, &context.runtime);
    let Some(Secret(password)) = given else {
        let password = password::random(runtime);
        administrator::set_one_time_password(store, runtime, &password).await.map_err(refused)?;
        return Ok(PasswordSet { password: Some(password), warnings: Vec::new() });
    };
    let mut warnings = Vec::new();
    warn_of_weakness(&mut warnings, "the password", &password, &["admin", "administrator"]);
    administrator::set_password(store, runtime, &password).await.map_err(refused)?;
    Ok(PasswordSet { password: None, warnings })
}

fn refused(error: administrator::Error) -> Failure {
    match error {
        administrator::Error::Store(error) => error.into(),
        administrator::Error::TooShort | administrator::Error::TooLong => Failure::invalid(error.to_string()),
        error => Failure::new(Exit::Failed, error.to_string()),
    }
}
