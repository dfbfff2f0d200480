//! What an agent may call: SQL queries, HTTP requests, the knowledge base, drafts for people, and Rust functions.
//!
//! Every tool caps the size of what it returns, obeys its deadline, and is honest about its outcome
//! (see [`mainstay_core::tool::Tool`]).

pub mod draft;
pub mod function;
pub mod http;
pub mod knowledge;
pub mod sql;
