//! One file for each command.

pub(crate) mod approvals;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod effects;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod worker;
