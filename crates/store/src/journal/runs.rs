//! Which runs to list, newest first. Ids sort by time, so a page begins where the last one ended.

use std::sync::LazyLock;

use mainstay_core::error::StoreError;
use mainstay_core::store::{RunFilter, RunState};

use crate::error;
use crate::journal::{MAX_LIST, run_columns};
use crate::list::{List, given};
use crate::value::{Sql, Value, values};

/// A longer text is not looked for: the work grows with it.
const MAX_TEXT: usize = 256;

/// In the order of [`narrowed`].
const CONDITIONS: [&str; 6] = [
    "tenant = ?",
    "agent = ?",
    "state = ?",
    "principal = ?",
    // Most runs are of no conversation; the index leaves them out.
    "conversation = ? and conversation <> ''",
    "id < ?",
];

/// The statement for a filter.
pub(super) fn narrowed(filter: &RunFilter) -> Result<(Sql, Vec<Value>), StoreError> {
    let conditions = [
        given(filter.tenant.as_ref()),
        given(filter.agent.as_ref()),
        given(filter.state.map(RunState::as_str)),
        given(filter.principal.as_ref()),
        given(filter.conversation.as_ref()),
        given(filter.before.map(|run| run.to_string())),
    ];
    let limit = filter.limit.min(MAX_LIST);
    match &filter.text {
        None => Ok(RUNS.narrowed(values![limit], conditions)),
        Some(text) if text.len() > MAX_TEXT => {
            Err(error::refused(format!("a text of more than {MAX_TEXT} bytes is not looked for")))
        }
        Some(text) => Ok(SEARCH.narrowed(values![limit, text.to_ascii_lowercase()], conditions)),
    }
}

static RUNS: LazyLock<List> = LazyLock::new(|| {
    let frame = concat!("select ", run_columns!(), " from runs{where} order by id desc limit $1");
    List::new(frame, 1, &CONDITIONS)
});

/// The newest that fit otherwise are read for the text, and no more: no index knows what a request says.
macro_rules! search {
    ($says:literal) => {
        concat!(
            "select ",
            run_columns!(),
            " from (select ",
            run_columns!(),
            " from runs{where} order by id desc limit 10000) as newest where ",
            $says,
            " order by id desc limit $1"
        )
    };
}

/// Not `like`: its patterns would have to be escaped, and SQLite's ends at a U+0000.
static SEARCH: LazyLock<List> = LazyLock::new(|| {
    let sqlite = search!("instr(lower(input), $2) > 0");
    // Other collations know more letters than ASCII.
    let postgres = search!("strpos(lower(input collate \"C\"), $2) > 0");
    List::new(Sql { sqlite, postgres }, 2, &CONDITIONS)
});

#[cfg(test)]
mod tests {
    use mainstay_core::journal::entry::FinalState;

    use super::*;
    use crate::Store;
    use crate::value::Row;

    /// How SQLite goes about it, step by step.
    async fn plan(store: &Store, filter: &RunFilter) -> String {
        let (sql, values) = narrowed(filter).unwrap();
        let explain: &'static str = format!("explain query plan {}", sql.sqlite).leak();
        let rows = store.read(explain, values).await.unwrap();
        let detail = |mut row: Row| {
            for _ in 0..3 {
                row.int().unwrap();
            }
            row.text().unwrap()
        };
        rows.into_iter().map(detail).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn the_usual_lists_are_read_off_an_index_in_their_order_and_nothing_is_sorted() {
        let store = Store::connect("sqlite::memory:").await.unwrap();
        let none = RunFilter { limit: 50, ..RunFilter::default() };
        let tenant = Some("north".to_owned());
        let agent = Some("returns".to_owned());
        let state = Some(RunState::Ended(FinalState::Failed));
        let principal = Some("c-1".to_owned());
        let conversation = Some("chat 7".to_owned());
        let of_conversation = RunFilter { tenant: tenant.clone(), conversation, ..none.clone() };
        // What every request of a conversation looks up.
        let recalled = RunFilter { agent: agent.clone(), state, principal, ..of_conversation.clone() };
        for (filter, index) in [
            (none.clone(), "sqlite_autoindex_runs_1"),
            (RunFilter { tenant, ..none.clone() }, "runs_of_tenant (tenant=?)"),
            (RunFilter { agent, ..none.clone() }, "runs_of_agent (agent=?)"),
            (RunFilter { state, ..none }, "runs_of_state (state=?)"),
            (of_conversation, "runs_of_conversation (tenant=? AND conversation=?)"),
            (recalled, "turns_of_principal (tenant=? AND agent=? AND principal=? AND conversation=?)"),
        ] {
            let first = plan(&store, &filter).await;
            assert!(first.contains(index) && !first.contains("TEMP B-TREE"), "{filter:?}: {first}");
            let next = plan(
                &store,
                &RunFilter { before: "run_01930000000070008000000000000001".parse().ok(), ..filter.clone() },
            )
            .await;
            assert!(next.contains("id<?") && !next.contains("TEMP B-TREE"), "{filter:?}: {next}");
        }
    }
}
