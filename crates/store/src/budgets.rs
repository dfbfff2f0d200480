//! Money by day: [`Budgets`].
//!
//! One number per scope and day holds what is spent and what is reserved, and it is raised only by a statement that
//! checks the limit as well: two that reserve at once can never go over it together.

use async_trait::async_trait;
use mainstay_core::error::StoreError;
use mainstay_core::money::MicroUsd;
use mainstay_core::store::{Budgets, Reservation, Reserved};

use crate::Store;
use crate::connection::Connection;
use crate::journal::{column, money};
use crate::operation::{self, Operation};
use crate::value::{Row, values};

#[async_trait]
impl Budgets for Store {
    async fn reserve(&self, reservation: &Reservation) -> Result<Reserved, StoreError> {
        let mut reservation = reservation.clone();
        // The lowest limit of a scope that is named twice comes first and is the one that stays.
        reservation.scopes.sort();
        reservation.scopes.dedup_by(|later, first| later.0 == first.0);
        self.write(Reserve(reservation)).await
    }

    async fn spent(&self, scope: &str, day: i64) -> Result<MicroUsd, StoreError> {
        amount(self.read(SPENT, values![scope, day]).await?)
    }
}

const SPENT: &str = "select micro_usd from spend where scope = $1 and day = $2";

fn amount(rows: Vec<Row>) -> Result<MicroUsd, StoreError> {
    match rows.into_iter().next() {
        Some(row) => row.of("a budget").int().map(money),
        None => Ok(MicroUsd::ZERO),
    }
}

struct Reserve(Reservation);

#[async_trait]
impl Operation for Reserve {
    type Output = Reserved;

    async fn run(self, connection: &mut Connection<'_>) -> Result<Reserved, StoreError> {
        let Self(Reservation { run, position, day, amount, scopes }) = self;
        let run = run.to_string();
        let amount = column(amount);
        operation::lock(connection, &run).await?;
        if connection.maybe(RESERVATION, values![&run, position]).await?.is_some() {
            return Ok(Reserved::Yes);
        }
        for (index, (scope, limit)) in scopes.iter().enumerate() {
            if !raise(connection, scope, day, amount, *limit).await? {
                let lower = scopes.iter().take(index).map(|(scope, _)| scope);
                return over(connection, lower, scope, day, amount, *limit).await;
            }
        }
        for (scope, _) in &scopes {
            connection.execute(KEEP, values![&run, position, scope, day, amount]).await?;
        }
        Ok(Reserved::Yes)
    }
}

const RESERVATION: &str = "select scope from reservations where run = $1 and position = $2 limit 1";
const KEEP: &str = "insert into reservations (run, position, scope, day, micro_usd) values ($1, $2, $3, $4, $5)";

/// Adds to a scope unless that goes over its limit.
async fn raise(
    connection: &mut Connection<'_>,
    scope: &str,
    day: i64,
    amount: i64,
    limit: MicroUsd,
) -> Result<bool, StoreError> {
    let room = column(limit) - amount;
    if room < 0 {
        return Ok(false);
    }
    Ok(connection.execute(RAISE, values![scope, day, amount, room]).await? == 1)
}

const RAISE: &str = "insert into spend (scope, day, micro_usd) values ($1, $2, $3) on conflict (scope, day) \
                     do update set micro_usd = spend.micro_usd + excluded.micro_usd where spend.micro_usd <= $4";

/// Takes back what the scopes before were raised by, and says why.
async fn over(
    connection: &mut Connection<'_>,
    raised: impl Iterator<Item = &String> + Send,
    scope: &str,
    day: i64,
    by: i64,
    limit: MicroUsd,
) -> Result<Reserved, StoreError> {
    for scope in raised {
        connection.execute(LOWER, values![scope, day, by, 0_i64]).await?;
    }
    let spent = amount(connection.rows(SPENT, values![scope, day]).await?)?;
    Ok(Reserved::Over { scope: scope.to_owned(), limit, spent })
}

const LOWER: &str = "update spend set micro_usd = micro_usd - $3 + $4 where scope = $1 and day = $2";

/// Replaces what was reserved for a position by what was spent; nothing when nothing was reserved.
pub(crate) async fn settle(
    connection: &mut Connection<'_>,
    run: &str,
    position: u32,
    spent: MicroUsd,
) -> Result<(), StoreError> {
    let mut reserved = Vec::new();
    for row in connection.rows(TAKE, values![run, position]).await? {
        let mut row = row.of("a reservation");
        reserved.push((row.text()?, row.int()?, row.int()?));
    }
    reserved.sort();
    for (scope, day, amount) in reserved {
        connection.execute(LOWER, values![scope, day, amount, column(spent)]).await?;
    }
    Ok(())
}

const TAKE: &str = "delete from reservations where run = $1 and position = $2 returning scope, day, micro_usd";
