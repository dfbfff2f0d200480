//! Who did what, and who tried: [`Audit`]. Nothing here changes or removes an event.

use std::sync::LazyLock;

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::store::access::{Audit, AuditEvent, AuditFilter};

use crate::Store;
use crate::connection::Connection;
use crate::journal::MAX_LIST;
use crate::list::{List, given};
use crate::operation::Operation;
use crate::value::{Row, values};

#[async_trait]
impl Audit for Store {
    async fn note(&self, events: &[AuditEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.write(Note(events.to_vec())).await
    }

    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, StoreError> {
        let conditions = [
            given(filter.tenant.as_ref()),
            given(filter.action.as_ref()),
            given(filter.before.map(|event| event.to_string())),
        ];
        let (sql, values) = AUDIT.narrowed(values![filter.limit.min(MAX_LIST)], conditions);
        self.read(sql, values).await?.into_iter().map(event).collect()
    }
}

/// The columns of [`event`], in its order.
macro_rules! columns {
    () => {
        "id, at, actor, tenant, action, subject, allowed, detail"
    };
}

// Ids sort by time.
static AUDIT: LazyLock<List> = LazyLock::new(|| {
    let frame = concat!("select ", columns!(), " from audit{where} order by id desc limit $1");
    List::new(frame, 1, &["tenant = ?", "action = ?", "id < ?"])
});

fn event(row: Row) -> Result<AuditEvent, StoreError> {
    let mut row = row.of("an audit event");
    Ok(AuditEvent {
        id: row.parsed(|text| text.parse().ok())?,
        at: Timestamp(row.int()?),
        actor: row.text()?,
        tenant: row.text()?,
        action: row.text()?,
        subject: row.text()?,
        allowed: row.int()? != 0,
        detail: row.text()?,
    })
}

struct Note(Vec<AuditEvent>);

#[async_trait]
impl Operation for Note {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        for AuditEvent { id, at, actor, tenant, action, subject, allowed, detail } in self.0 {
            let values = values![id.to_string(), at.0, actor, tenant, action, subject, i64::from(allowed), detail];
            connection.execute(NOTE, values).await?;
        }
        Ok(())
    }
}

/// Whoever is not sure that an event was noted may note it again.
const NOTE: &str =
    concat!("insert into audit (", columns!(), ") values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing");
