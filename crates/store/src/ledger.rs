//! What agents did to the world: [`Ledger`].

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;
use mainstay_core::store::{EffectRow, EffectState, Ledger};

use crate::Store;
use crate::connection::Connection;
use crate::journal::MAX_LIST;
use crate::operation::run_id;
use crate::value::{Row, json, values};

#[async_trait]
impl Ledger for Store {
    async fn effects(&self, run: Option<RunId>, limit: u32) -> Result<Vec<EffectRow>, StoreError> {
        let limit = limit.min(MAX_LIST);
        let rows = match run {
            Some(run) => self.read(EFFECTS_OF_RUN, values![limit, run.to_string()]).await?,
            None => self.read(EFFECTS, values![limit]).await?,
        };
        rows.into_iter().map(effect).collect()
    }
}

/// The columns of [`effect`], in its order.
macro_rules! columns {
    () => {
        "run, position, agent, tool, arguments, arguments_hash, idempotency_key, authority, state, evidence, at"
    };
}

const EFFECTS: &str =
    concat!("select ", columns!(), " from effects order by at desc, run desc, position desc limit $1");
const EFFECTS_OF_RUN: &str =
    concat!("select ", columns!(), " from effects where run = $2 order by at desc, position desc limit $1");

fn effect(row: Row) -> Result<EffectRow, StoreError> {
    let mut row = row.of("an effect");
    Ok(EffectRow {
        run: run_id(&mut row)?,
        position: row.position()?,
        agent: row.text()?,
        tool: row.text()?,
        arguments: row.json()?,
        arguments_hash: row.text()?,
        idempotency_key: row.text()?,
        authority: row.text()?,
        state: row.parsed(EffectState::parse)?,
        evidence: row.text()?,
        at: Timestamp(row.int()?),
    })
}

/// Inserts an effect or says where it stands now.
pub(crate) async fn record(connection: &mut Connection<'_>, effect: &EffectRow) -> Result<(), StoreError> {
    let arguments = json("the arguments of an effect", &effect.arguments)?;
    let values = values![
        effect.run.to_string(),
        effect.position,
        &effect.agent,
        &effect.tool,
        arguments,
        &effect.arguments_hash,
        &effect.idempotency_key,
        &effect.authority,
        effect.state.as_str(),
        &effect.evidence,
        effect.at.0,
    ];
    connection.execute(RECORD, values).await.map(drop)
}

const RECORD: &str = concat!(
    "insert into effects (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (run, position) do update set \
     agent = excluded.agent, tool = excluded.tool, arguments = excluded.arguments, \
     arguments_hash = excluded.arguments_hash, idempotency_key = excluded.idempotency_key, \
     authority = excluded.authority, state = excluded.state, evidence = excluded.evidence, at = excluded.at"
);
