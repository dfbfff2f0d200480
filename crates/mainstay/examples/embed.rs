//! An agent inside a program, with a function of the program as its tool.
//!
//! `cargo run -p mainstay --example embed`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use mainstay::{Caller, Effect, Function, Mainstay, Principal};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What the model has to give.
#[derive(Deserialize, JsonSchema)]
struct Refund {
    /// The order, such as #W1234567
    #[schemars(regex(pattern = "^#W[0-9]{7}$"))]
    order_id: String,
    /// In dollars
    #[schemars(range(min = 0.01, max = 500.0))]
    amount: f64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let refund = |call: Refund, caller: Caller| async move {
        println!("  (the program pays {} to {} for {})", call.amount, caller.principal.id, call.order_id);
        Ok(json!({"refunded": call.amount}))
    };
    let refund = Function::new("refund", "Pays money of an order back", Effect::Idempotent, refund)
        .approve("args.amount > 50.0")
        .claims(["refunded"]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/embed");
    let mainstay = Mainstay::builder(folder).function("returns", refund).open().await?;

    let customer = Principal::new("c-1001");
    for request in ["Please refund 20 for order #W1234567", "Please refund 80 for order #W1234567"] {
        let reply = mainstay.ask("returns", &customer, request).await?;
        println!("{request}\n  {}: {}", reply.status.as_str(), reply.answer.unwrap_or(reply.reason));
    }
    Ok(())
}
