//! What the service does to the shop's data: the change and its row in the ledger, in one transaction.

use anyhow::Context;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

/// One accepted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// 1, 2, 3 … in the order in which they happened.
    pub id: i64,
    /// The `Idempotency-Key` that came with it; empty when none did.
    pub key: String,
    /// What was done.
    pub kind: EffectKind,
    /// To which order.
    pub order: String,
    /// For whom.
    pub customer: String,
    /// What was paid back; `None` for an address.
    pub amount_cents: Option<i64>,
    /// The new address in one line; `None` for a refund.
    pub address: Option<String>,
    /// When, by the database's clock, in ISO 8601 and UTC.
    pub at: String,
}

/// What the service can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectKind {
    /// Money was paid back.
    Refund,
    /// A parcel goes somewhere else.
    Address,
}

impl EffectKind {
    /// The word for it in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Address => "address",
        }
    }
}

/// A request to change an order, as far as it is understood.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) order: String,
    pub(crate) customer: String,
    pub(crate) what: What,
}

/// What shall change.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Refund { cents: i64 },
    Address { street: String, postcode: String, city: String, country: String },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Done, and in the ledger.
    Yes,
    /// It was done before under this key; nothing new happened.
    Before,
    /// No such order of this customer.
    NotFound,
    /// The order is in a state that does not allow it.
    WrongState(String),
    /// More than is left of the order.
    TooMuch { left_cents: i64 },
}

const EFFECTS: &str = "
    select id, key, kind, order_id, customer, amount_cents, address, at from shop_effects order by id limit 100000";

const SEEN: &str = "select exists (select 1 from shop_effects where key = $1 and key <> '')";

const ORDER: &str = "select status, total_cents - refunded_cents from orders where order_id = $1 and user_id = $2";

const REFUND: &str = "update orders set refunded_cents = refunded_cents + $2 where order_id = $1";

const ADDRESS: &str = "update orders set street = $2, postcode = $3, city = $4, country = $5 where order_id = $1";

const RECORD: &str = "
    insert into shop_effects (key, kind, order_id, customer, amount_cents, address) values ($1, $2, $3, $4, $5, $6)";

/// Applies `change` and records it, or says why not.
pub(crate) async fn apply(pool: &SqlitePool, change: &Change, deduplicate: bool) -> anyhow::Result<Applied> {
    let mut transaction = pool.begin_with("begin immediate").await?;
    let applied = apply_in(&mut transaction, change, deduplicate).await?;
    // Whatever was not applied wrote nothing.
    transaction.commit().await?;
    Ok(applied)
}

async fn apply_in(db: &mut SqliteConnection, change: &Change, deduplicate: bool) -> anyhow::Result<Applied> {
    if deduplicate && sqlx::query_scalar(SEEN).bind(&change.key).fetch_one(&mut *db).await? {
        return Ok(Applied::Before);
    }
    let order: Option<(String, i64)> =
        sqlx::query_as(ORDER).bind(&change.order).bind(&change.customer).fetch_optional(&mut *db).await?;
    let Some((status, left_cents)) = order else { return Ok(Applied::NotFound) };
    let (kind, amount, address) = match &change.what {
        What::Refund { cents } => {
            if status != "delivered" {
                return Ok(Applied::WrongState(status));
            }
            if *cents > left_cents {
                return Ok(Applied::TooMuch { left_cents });
            }
            sqlx::query(REFUND).bind(&change.order).bind(cents).execute(&mut *db).await?;
            (EffectKind::Refund, Some(*cents), None)
        }
        What::Address { street, postcode, city, country } => {
            if status != "processing" {
                return Ok(Applied::WrongState(status));
            }
            let update = sqlx::query(ADDRESS).bind(&change.order).bind(street).bind(postcode).bind(city).bind(country);
            update.execute(&mut *db).await?;
            (EffectKind::Address, None, Some(format!("{street}, {postcode} {city}, {country}")))
        }
    };
    let record = sqlx::query(RECORD).bind(&change.key).bind(kind.as_str()).bind(&change.order).bind(&change.customer);
    record.bind(amount).bind(address).execute(db).await?;
    Ok(Applied::Yes)
}

/// Everything that was done, oldest first.
pub(crate) async fn effects(pool: &SqlitePool) -> anyhow::Result<Vec<Effect>> {
    let rows = sqlx::query(EFFECTS).fetch_all(pool).await.context("cannot read the shop's ledger")?;
    rows.iter().map(effect).collect()
}

fn effect(row: &SqliteRow) -> anyhow::Result<Effect> {
    let kind: String = row.try_get("kind")?;
    Ok(Effect {
        id: row.try_get("id")?,
        key: row.try_get("key")?,
        kind: if kind == EffectKind::Refund.as_str() { EffectKind::Refund } else { EffectKind::Address },
        order: row.try_get("order_id")?,
        customer: row.try_get("customer")?,
        amount_cents: row.try_get("amount_cents")?,
        address: row.try_get("address")?,
        at: row.try_get("at")?,
    })
}
