//! Who asks, and on whose behalf data is kept apart.

/// Somebody on whose behalf a run acts. Names come from the application in front; they are never read from the text of
/// a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The application's id for the person or system that asks.
    pub id: String,
    /// Data of different tenants never meets.
    pub tenant: String,
}

impl Principal {
    /// The tenant of installations that have only one.
    pub const DEFAULT_TENANT: &'static str = "default";

    /// A principal of the default tenant.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), tenant: Self::DEFAULT_TENANT.to_owned() }
    }
}
