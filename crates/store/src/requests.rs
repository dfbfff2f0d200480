//! What callers ask of runs besides starting them: [`Requests`].

use async_trait::async_trait;
use mainstay_core::clock::Timestamp;
use mainstay_core::error::StoreError;
use mainstay_core::id::RunId;
use mainstay_core::store::RunState;
use mainstay_core::store::access::{Begun, CancelNoted, Feedback, NewRequest, Requests, Response};

use crate::connection::Connection;
use crate::journal::MAX_LIST;
use crate::operation::{self, Operation, run_id};
use crate::value::{Row, values};
use crate::{Store, approvals, error};

#[async_trait]
impl Requests for Store {
    async fn begin(&self, request: &NewRequest) -> Result<Begun, StoreError> {
        self.write(Begin(request.clone())).await
    }

    async fn finish(&self, scope: &str, key: &str, response: &Response) -> Result<(), StoreError> {
        self.write(Finish { scope: scope.to_owned(), key: key.to_owned(), response: response.clone() }).await
    }

    async fn cancel(&self, run: RunId, by: &str, now: Timestamp) -> Result<CancelNoted, StoreError> {
        self.write(Cancel { run: run.to_string(), by: by.to_owned(), now }).await
    }

    async fn add_feedback(&self, feedback: &Feedback) -> Result<(), StoreError> {
        self.write(AddFeedback(feedback.clone())).await
    }

    async fn feedback(&self, run: RunId, limit: u32) -> Result<Vec<Feedback>, StoreError> {
        let rows = self.read(FEEDBACK, values![run.to_string(), limit.min(MAX_LIST)]).await?;
        rows.into_iter().map(feedback).collect()
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let forgotten = self.write(Forget { before }).await?;
            total += forgotten;
            if forgotten < FORGET_AT_ONCE {
                return Ok(total);
            }
        }
    }
}

struct Begin(NewRequest);

#[async_trait]
impl Operation for Begin {
    type Output = Begun;

    async fn run(self, connection: &mut Connection<'_>) -> Result<Begun, StoreError> {
        let Self(NewRequest { scope, key, hash, subject, at }) = self;
        // Whoever comes second waits here until the first one is in.
        let inserted = connection.execute(BEGIN, values![&scope, &key, &hash, subject.to_string(), at.0]).await?;
        if inserted == 1 {
            return Ok(Begun::Fresh);
        }
        let Some(row) = connection.maybe(BEGUN, values![scope, key]).await? else {
            // Forgotten in this moment.
            return Err(error::meanwhile());
        };
        let mut row = row.of("a request");
        if row.text()? != hash {
            return Ok(Begun::OtherContent);
        }
        let subject = row.parsed(|text| text.parse().ok())?;
        Ok(Begun::Again { subject, response: response(&mut row)? })
    }
}

const BEGIN: &str = "insert into requests (scope, key, hash, subject, at) values ($1, $2, $3, $4, $5) \
                     on conflict do nothing";
const BEGUN: &str = "select hash, subject, status, body from requests where scope = $1 and key = $2";

fn response(row: &mut Row) -> Result<Option<Response>, StoreError> {
    let corrupt = |_| StoreError::Corrupt("a request".to_owned());
    let Some(status) = row.maybe_int()? else { return Ok(None) };
    Ok(Some(Response { status: status.try_into().map_err(corrupt)?, body: row.text()? }))
}

struct Finish {
    scope: String,
    key: String,
    response: Response,
}

#[async_trait]
impl Operation for Finish {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        let Self { scope, key, response } = self;
        let values = values![&scope, &key, i64::from(response.status), response.body];
        if connection.execute(FINISH, values).await? == 0
            && connection.maybe(BEGUN, values![scope, key]).await?.is_none()
        {
            return Err(StoreError::NotFound("request with that key".to_owned()));
        }
        Ok(())
    }
}

const FINISH: &str = "update requests set status = $3, body = $4 where scope = $1 and key = $2 and status is null";

struct Cancel {
    run: String,
    by: String,
    now: Timestamp,
}

#[async_trait]
impl Operation for Cancel {
    type Output = CancelNoted;

    async fn run(self, connection: &mut Connection<'_>) -> Result<CancelNoted, StoreError> {
        let Self { run, by, now } = self;
        operation::lock(connection, &run).await?;
        let Some(row) = connection.maybe(STANDING, values![&run]).await? else {
            return Ok(CancelNoted::Unknown);
        };
        let mut row = row.of("a run");
        let (state, approval) = (row.parsed(RunState::parse)?, row.maybe_text()?);
        if let RunState::Ended(_) = state {
            return Ok(CancelNoted::Ended);
        }
        connection.execute(CANCEL, values![&run, &by, now.0]).await?;
        if let Some(approval) = approval {
            approvals::close(connection, &run, &approval, &by, now).await?;
        }
        Ok(CancelNoted::Noted)
    }
}

const STANDING: &str = "select state, approval from runs where id = $1";
/// The first who wants it is the one who is named; nobody makes it due later than it was.
const CANCEL: &str = "update runs set cancelled_by = coalesce(cancelled_by, $2), \
                      wake_at = case when wake_at > $3 then $3 else wake_at end where id = $1";

struct AddFeedback(Feedback);

#[async_trait]
impl Operation for AddFeedback {
    type Output = ();

    async fn run(self, connection: &mut Connection<'_>) -> Result<(), StoreError> {
        let Self(Feedback { id, run, by, rating, correction, reason, at }) = self;
        if connection.maybe(STANDING, values![run.to_string()]).await?.is_none() {
            return Err(StoreError::NotFound(run.to_string()));
        }
        let rating = rating.map(i64::from);
        let values = values![id.to_string(), run.to_string(), by, rating, correction, reason, at.0];
        connection.execute(ADD_FEEDBACK, values).await.map(drop)
    }
}

const ADD_FEEDBACK: &str = "insert into feedback (id, run, said_by, rating, correction, reason, at) \
                            values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing";
const FEEDBACK: &str = "select id, run, said_by, rating, correction, reason, at from feedback \
                        where run = $1 order by at, id limit $2";

fn feedback(row: Row) -> Result<Feedback, StoreError> {
    let corrupt = |_| StoreError::Corrupt("a feedback".to_owned());
    let mut row = row.of("a feedback");
    Ok(Feedback {
        id: row.parsed(|text| text.parse().ok())?,
        run: run_id(&mut row)?,
        by: row.text()?,
        rating: row.maybe_int()?.map(i8::try_from).transpose().map_err(corrupt)?,
        correction: row.text()?,
        reason: row.text()?,
        at: Timestamp(row.int()?),
    })
}

/// Drops old requests, some at once.
struct Forget {
    before: Timestamp,
}

const FORGET_AT_ONCE: u64 = 500;

#[async_trait]
impl Operation for Forget {
    type Output = u64;

    async fn run(self, connection: &mut Connection<'_>) -> Result<u64, StoreError> {
        connection.execute(FORGET, values![self.before.0, FORGET_AT_ONCE.cast_signed()]).await
    }
}

const FORGET: &str = "delete from requests where (scope, key) in \
                      (select scope, key from requests where at < $1 order by at limit $2)";
