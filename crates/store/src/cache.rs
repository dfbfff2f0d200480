//! Answers that may be given again: [`CacheStore`].

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::journal::entry::AnswerRecord;
use mainstay_core::store::CacheStore;

use crate::Store;
use crate::connection::Connection;
use crate::operation::Operation;
use crate::value::{json, values};

#[async_trait]
impl CacheStore for Store {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<AnswerRecord>, StoreError> {
        self.inner.latest.fetch_max(now.0, Ordering::Relaxed);
        let rows = self.read(GET, values![key, now.0]).await?;
        rows.into_iter().next().map(|row| row.of("a cached answer").json()).transpose()
    }

    async fn put(&self, key: &str, answer: &AnswerRecord, expires: Timestamp) -> Result<(), StoreError> {
        let (key, answer) = (key.to_owned(), json("an answer", answer)?);
        let now = self.inner.latest.load(Ordering::Relaxed);
        self.write(Put { key, answer, expires, now }).await
    }
}

const GET: &str = "select answer from cache where key = $1 and expires > $2";

struct Put {
    key: String,
    answer: String,
    expires: Timestamp,
    now: i64,
}

#[async_trait]
impl Operation for Put {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        connection.execute(PUT, values![self.key, self.answer, self.expires.0]).await?;
        // More are swept than come in, so that the table holds little more than what may still be given.
        connection.execute(SWEEP, values![self.now]).await.map(drop)
    }
}

const PUT: &str = "insert into cache (key, answer, expires) values ($1, $2, $3) \
                   on conflict (key) do update set answer = excluded.answer, expires = excluded.expires";
const SWEEP: &str =
    "delete from cache where key in (select key from cache where expires <= $1 order by expires limit 8)";
