//! A model server that answers every request at once with the same good answer, for load tests of what is in front of it.
//!
//!   cargo run --release -p mainstay-testkit --example fake_provider
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use mainstay_testkit::fake_provider::FakeProvider;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let provider = FakeProvider::start().await;
    provider.answer_with(|_| {
        json!({"answer": "Which order do you mean?", "confidence": 0.9, "sources": [], "requires_human_review": false})
    });
    println!("{}", provider.base_url());
    std::future::pending::<()>().await;
}
