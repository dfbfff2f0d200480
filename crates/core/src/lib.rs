//! The pipeline of Mainstay, its domain types and its contracts.
//!
//! Read [`pipeline`] first. This crate opens no socket, speaks no SQL, reads no environment and spawns no task.

pub mod agent;
pub mod answer;
pub mod approval;
pub mod ask;
pub mod budget;
pub mod cache;
pub mod cancel;
pub mod canonical;
pub mod clock;
pub mod code;
pub mod conversation;
pub mod error;
pub mod execute;
pub mod expression;
pub mod guard;
pub mod health;
pub mod id;
pub mod input;
pub mod inspect;
pub mod journal;
pub mod message;
pub mod money;
pub mod pipeline;
pub mod principal;
pub mod provider;
pub mod reply;
pub mod rollout;
pub mod route;
pub mod rules;
pub mod run;
pub mod runtime;
pub mod schema;
pub mod screen;
pub mod store;
pub mod tool;
pub mod trace;
pub mod validate;
pub mod vault;
