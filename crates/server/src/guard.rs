//! What every request passes: outside, an id, the clock and the net for panics; inside, admission and the key.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;
use tracing::{debug, error};

use crate::error::ApiError;
use crate::limits::check_head;
use crate::shared::Api;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The route of addresses that there are none for.
const NO_ROUTE: &str = "none";

/// Around everything: counts, names the request, and turns a panic into an answer.
pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = api.mainstay.new_uuid().to_string();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let method = request.method().clone();
    let in_flight = api.metrics.enter();
    let mut response = unless_it_panics(next.run(request)).await.unwrap_or_else(|| {
        // The panic's own message is printed by the hook; what the request held is not.
        error!(request.id = %id, %method, route, "a request made the server panic");
        ApiError::Internal.into_response()
    });
    drop(in_flight);
    let status = response.status();
    api.metrics.answered(&method, route, status, began.elapsed());
    let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        error!(request.id = %id, %method, route, status = status.as_u16(), took_us = took, "a request failed");
    } else {
        debug!(request.id = %id, %method, route, status = status.as_u16(), took_us = took, "a request was answered");
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Before everything that needs a key: a head that says one thing, room to work, a caller within their rate.
pub(crate) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut head, body) = request.into_parts();
    check_head(&head)?;
    let entered = api.admission.try_enter().await;
    let _entered = entered.inspect_err(|_| {
        api.metrics.shed.inc();
    })?;
    let caller = api.authenticate(&head).await?;
    api.take_rate(&caller.scope, caller.requests_per_minute)?;
    head.extensions.insert(caller);
    Ok(next.run(Request::from_parts(head, body)).await)
}

/// What the handler gives; nothing if it panics. What it held is dropped with it, and shared state has no lock that a panic
/// could leave half done.
async fn unless_it_panics<T>(handler: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(handler).catch_unwind().await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_request_only() {
        assert_eq!(unless_it_panics(async { 1 }).await, Some(1));
        let broken = async {
            let nothing: Option<u8> = std::hint::black_box(None);
            nothing.unwrap()
        };
        assert_eq!(unless_it_panics(broken).await, None);
    }
}
