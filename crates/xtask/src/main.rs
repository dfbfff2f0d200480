//! Chores of the repository that Cargo does not know, run as `cargo xtask CHORE`.
//!
//! There is one chore, `tidy`: what the compiler and the lints cannot see. It needs no network and changes no file.

mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let chore = arguments.next();
    let outcome = match (chore.as_deref(), arguments.next()) {
        (Some("tidy"), None) => tidy::run(),
        _ => {
            eprintln!("usage: cargo xtask tidy");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
