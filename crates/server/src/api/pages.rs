//! `GET /docs/errors/{code}`: the page about an error code, as every error's `docs` names it.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::api::Named;
use crate::api::responses::NotThere;
use crate::error::{ApiError, Missing};

macro_rules! pages {
    ($($code:literal)*) => {
        &[$(($code, include_str!(concat!("../../../../docs/errors/", $code, ".md")))),*]
    };
}

const PAGES: &[(&str, &str)] = pages! {
    "agent_unknown"
    "answer_abstained"
    "answer_blocked"
    "answer_claims_unconfirmed_effect"
    "answer_leaks"
    "answer_malformed"
    "answer_not_grounded"
    "approval_changed"
    "approval_expired"
    "approval_self"
    "approval_taken"
    "approval_unknown"
    "body_too_large"
    "budget_exhausted"
    "chain_broken"
    "config_invalid"
    "content_type_unsupported"
    "draining"
    "effect_unknown"
    "forbidden"
    "gave_up_repeating"
    "guard_failed"
    "idempotency_conflict"
    "input_blocked"
    "input_needs_person"
    "input_too_long"
    "internal_error"
    "journal_diverged"
    "method_not_allowed"
    "model_unavailable"
    "not_found"
    "not_in_rollout"
    "overloaded"
    "rate_limited"
    "request_invalid"
    "rule_escalated"
    "run_cancelled"
    "run_ended"
    "run_failed"
    "run_unknown"
    "store_unavailable"
    "unauthorized"
};

/// The page about an error code, in Markdown.
#[utoipa::path(
    get, path = "/docs/errors/{code}", tag = "operation", operation_id = "read_error_page",
    params(("code" = String, Path, pattern = "^[a-z_]+$")),
    responses((status = 200, description = "The page", body = String, content_type = "text/markdown"), NotThere),
)]
pub(crate) async fn read(Named(code): Named) -> Result<impl IntoResponse, ApiError> {
    let page = PAGES.iter().find(|(known, _)| *known == code);
    let (_, page) = page.ok_or(ApiError::Missing(Missing::Page))?;
    Ok(([(CONTENT_TYPE, "text/markdown; charset=utf-8")], *page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut codes: Vec<String> = files.filter_map(|name| Some(name.strip_suffix(".md")?.to_owned())).collect();
        codes.retain(|code| code != "README");
        codes.sort();
        assert_eq!(PAGES.iter().map(|(code, _)| (*code).to_owned()).collect::<Vec<_>>(), codes);
    }
}
