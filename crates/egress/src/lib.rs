//! The only place where an HTTP client is built.
//!
//! A [`Client`] talks to the hosts of its [`Policy`] and to nobody else: names are resolved here, and an address that is
//! not public is refused at that moment, so that a name which changes its mind between two look-ups gains nothing.
//! Every call has a deadline and a size limit, and every failure says whether the far side may have seen the request.
//!
//! Absent on purpose: redirects, cookies, proxies from the environment, compression, retries.

pub mod address;
pub mod client;
mod connect;
pub mod error;
pub mod policy;
pub mod secret;

pub use bytes::Bytes;
pub use client::{Client, Request, Response, Streaming};
pub use error::EgressError;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use policy::{Policy, PolicyError, Protocol};
pub use secret::{Secret, excerpt, redact};
pub use url::Url;
