//! The numbers that the server itself answers: they live in the partition `internal`, and search spaces hold for them.

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// The echo.
    pub echo: Option<String>,
    /// Conferences.
    pub conferences: Vec<String>,
    /// The slots of parked calls; a line of the same number comes first.
    pub slots: Vec<String>,
}

impl Services {
    /// The echo, these conferences, and the slots that there are.
    pub fn new(echo: Option<String>, conferences: impl IntoIterator<Item = String>) -> Self {
        let slots = crate::features::park::slots().collect();
        Self { echo, conferences: conferences.into_iter().collect(), slots }
    }
}

impl From<Option<&str>> for Services {
    /// The echo alone.
    fn from(echo: Option<&str>) -> Self {
        Self { echo: echo.map(str::to_owned), ..Self::default() }
    }
}
