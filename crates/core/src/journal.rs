//! The journal of one run: what is stored, how it is chained. The trait that stores it is in [`crate::store`].

pub mod chain;
pub(crate) mod cursor;
pub mod entry;
