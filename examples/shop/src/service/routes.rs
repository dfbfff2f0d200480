//! The HTTP face of the service: who may call, what is understood, which status says what.

use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::sqlite::SqlitePool;
use tokio_util::sync::CancellationToken;

use crate::money;
use crate::service::connection::Connection;
use crate::service::faults::{Fault, Pending};
use crate::service::ledger::{self, Applied, Change, Effect, What};

const MAX_BODY: usize = 16 * 1024;

/// What every request needs.
pub(crate) struct Service {
    pub(crate) pool: SqlitePool,
    pub(crate) token: String,
    pub(crate) deduplicate: bool,
    pub(crate) faults: Pending,
    pub(crate) stopping: CancellationToken,
}

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/orders/{order_id}/refund", post(refund))
        .route("/orders/{order_id}/address", post(change_address))
        .route("/effects", get(effects))
        .layer(middleware::from_fn_with_state(Arc::clone(&service), authorise))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(service)
}

/// Nothing is looked at before the token.
async fn authorise(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match sent.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) if same(token.as_bytes(), service.token.as_bytes()) => next.run(request).await,
        _ => refuse(StatusCode::UNAUTHORIZED, "the token is missing or wrong"),
    }
}

/// Compares in a time that only depends on the lengths.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).fold(0, |differences, (one, other)| differences | (one ^ other)) == 0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundBody {
    amount: serde_json::Number,
    customer: String,
}

async fn refund(
    State(service): State<Arc<Service>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    Path(order): Path<String>,
    headers: HeaderMap,
    Json(body): Json<RefundBody>,
) -> Response {
    let Some(cents) = money::cents(&body.amount.to_string()).filter(|cents| *cents > 0) else {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "the amount is not a positive number of whole cents");
    };
    let change = Change { key: key(&headers), order, customer: body.customer, what: What::Refund { cents } };
    carry_out(&service, &connection, &change).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressBody {
    street: String,
    postcode: String,
    city: String,
    country: String,
    customer: String,
}

async fn change_address(
    State(service): State<Arc<Service>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    Path(order): Path<String>,
    headers: HeaderMap,
    Json(body): Json<AddressBody>,
) -> Response {
    let AddressBody { street, postcode, city, country, customer } = body;
    let is_line = |text: &String| {
        let length = text.trim().chars().count();
        (2..=100).contains(&length) && !text.chars().any(char::is_control)
    };
    if ![&street, &postcode, &city, &country].into_iter().all(is_line) {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "the address has an empty or an unusable line");
    }
    let change =
        Change { key: key(&headers), order, customer, what: What::Address { street, postcode, city, country } };
    carry_out(&service, &connection, &change).await
}

async fn effects(State(service): State<Arc<Service>>) -> Response {
    match ledger::effects(&service.pool).await {
        Ok(effects) => Json(effects.iter().map(effect_json).collect::<Vec<_>>()).into_response(),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the ledger cannot be read"),
    }
}

/// Applies the change, unless a fault comes before, and answers, unless a fault comes after.
async fn carry_out(service: &Service, connection: &Connection, change: &Change) -> Response {
    let fault = service.faults.next();
    match fault {
        Some(Fault::DropBeforeEffect) => return cut(connection),
        Some(Fault::ErrorBeforeEffect) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "the shop is closed"),
        Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let applied = ledger::apply(&service.pool, change, service.deduplicate).await;
    match fault {
        Some(Fault::DropAfterEffect) => return cut(connection),
        Some(Fault::HangAfterEffect) => {
            service.stopping.cancelled().await;
            return cut(connection);
        }
        Some(Fault::ErrorAfterEffect) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong"),
        _ => {}
    }
    match applied {
        Ok(Applied::Yes | Applied::Before) => Json(done_json(change)).into_response(),
        Ok(Applied::NotFound) => refuse(StatusCode::NOT_FOUND, "this customer has no such order"),
        Ok(Applied::WrongState(state)) => {
            refuse(StatusCode::CONFLICT, &format!("the order is {state}, which does not allow this"))
        }
        Ok(Applied::TooMuch { left_cents }) => {
            let left = money::amount_text(left_cents);
            refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("only {left} EUR of this order are left to refund"))
        }
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the change was not made"),
    }
}

fn cut(connection: &Connection) -> Response {
    connection.cut();
    StatusCode::NO_CONTENT.into_response()
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn key(headers: &HeaderMap) -> String {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    key.chars().take(200).collect()
}

fn done_json(change: &Change) -> Value {
    let order = &change.order;
    match &change.what {
        What::Refund { cents } => {
            json!({ "done": "refund", "order_id": order, "amount": money::amount_text(*cents), "currency": "EUR" })
        }
        What::Address { street, postcode, city, country } => {
            json!({ "done": "address", "order_id": order, "address": format!("{street}, {postcode} {city}, {country}") })
        }
    }
}

fn effect_json(effect: &Effect) -> Value {
    json!({
        "id": effect.id,
        "key": effect.key,
        "kind": effect.kind.as_str(),
        "order_id": effect.order,
        "customer": effect.customer,
        "amount": effect.amount_cents.map(money::amount_text),
        "address": effect.address,
        "at": effect.at,
    })
}
