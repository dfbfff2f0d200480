//! The shop's data, made up from a seed: customers, articles and orders, in memory ([`ShopData`]) and as a SQLite file.
//!
//! Days count back from [`TODAY`], which is also stored in the file: the demo never depends on the calendar.

mod build;
mod catalogue;
mod people;

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};

/// The day on which the demo plays.
pub const TODAY: &str = "2026-11-20";

/// The seed that the demo and its documentation use.
pub const DEFAULT_SEED: u64 = 7;

/// The countries that the shop delivers to, as addresses spell them.
pub const COUNTRY_NAMES: [&str; 9] =
    ["Germany", "Austria", "France", "Spain", "Italy", "Netherlands", "United Kingdom", "Poland", "Sweden"];

/// Orders that exist in every shop, whatever the seed: for documentation and tests.
pub mod known {
    /// The customer of all of them but [`OTHERS`]; no member.
    pub const CUSTOMER: &str = "c-1001";
    /// Delivered five days ago, 34.90 refundable: small enough to need no approval.
    pub const SMALL: &str = "#W1000001";
    /// Delivered six days ago, 189.00 refundable: a person approves it.
    pub const LARGE: &str = "#W1000002";
    /// Still being packed: its address may change.
    pub const PROCESSING: &str = "#W1000003";
    /// On its way.
    pub const SHIPPED: &str = "#W1000004";
    /// Delivered, but it belongs to `c-1002`.
    pub const OTHERS: &str = "#W1000005";
    /// Delivered ninety days ago: too old for a return.
    pub const OLD: &str = "#W1000006";
    /// Delivered last week, bought in a sale: exchange only.
    pub const SALE: &str = "#W1000007";
}

/// Makes the shop of `seed` and writes it to a new SQLite file at `path`; a file that is there is replaced.
pub async fn generate(seed: u64, path: &Path) -> anyhow::Result<ShopData> {
    let data = ShopData::new(seed);
    data.write(path).await.with_context(|| format!("cannot write the shop's data to `{}`", path.display()))?;
    Ok(data)
}

/// Everything that the shop knows when the demo begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopData {
    /// Who buys; ids `c-1001` and up.
    pub customers: Vec<Customer>,
    /// What is sold; ids `P-1001` and up.
    pub products: Vec<Product>,
    /// What was bought.
    pub orders: Vec<Order>,
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Such as `c-1001`; the principal's id in runs.
    pub id: String,
    /// Full name.
    pub name: String,
    /// Always at example.com.
    pub email: String,
    /// With the country's prefix.
    pub phone: String,
    /// `en`, `de`, `fr` or `es`.
    pub language: &'static str,
    /// Where they live.
    pub address: Address,
    /// Members of the loyalty programme have 60 days to return instead of 30.
    pub member: bool,
    /// Loyalty points.
    pub points: i64,
    /// Days since they signed up.
    pub since: i64,
}

/// Where parcels go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// As the country writes it.
    pub postcode: String,
    /// Town.
    pub city: String,
    /// The country's name in English.
    pub country: &'static str,
}

/// An article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Such as `P-1001`.
    pub id: String,
    /// Such as `Kestrel rain jacket, moss`.
    pub name: String,
    /// What kind of thing it is, such as `rain jacket`.
    pub noun: &'static str,
    /// Its shelf.
    pub category: &'static str,
    /// Its colour.
    pub colour: &'static str,
    /// Comma-separated sizes, a range, or `one size`.
    pub sizes: &'static str,
    /// Today's price.
    pub price_cents: i64,
    /// Reduced today.
    pub on_sale: bool,
    /// Cannot be sold again once opened.
    pub hygiene: bool,
    /// How many are left.
    pub stock: i64,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// `#W` and seven digits.
    pub id: String,
    /// Whose.
    pub customer: String,
    /// Where it stands.
    pub status: Status,
    /// Days since it was placed.
    pub ordered: i64,
    /// Days since it left.
    pub shipped: Option<i64>,
    /// Days since it arrived.
    pub delivered: Option<i64>,
    /// Who carries it.
    pub carrier: Option<&'static str>,
    /// The parcel's number.
    pub tracking: Option<String>,
    /// Delivery fee.
    pub shipping_cents: i64,
    /// Already paid back.
    pub refunded_cents: i64,
    /// How it was paid.
    pub payment: &'static str,
    /// Where it goes.
    pub address: Address,
    /// What is in it, one to four lines.
    pub items: Vec<Item>,
    /// How long it may be returned, in days.
    pub return_window: i64,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Being packed.
    Processing,
    /// On its way.
    Shipped,
    /// Arrived.
    Delivered,
    /// Called off before it left.
    Cancelled,
    /// Sent back.
    Returned,
}

impl Status {
    /// The word for it in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The article's id.
    pub product: String,
    /// Its name.
    pub name: String,
    /// The size bought.
    pub size: String,
    /// How many.
    pub quantity: i64,
    /// Price of one.
    pub price_cents: i64,
    /// Bought at a sale price.
    pub on_sale: bool,
    /// See [`Product::hygiene`].
    pub hygiene: bool,
}

impl Order {
    /// Articles and delivery.
    pub fn total_cents(&self) -> i64 {
        self.shipping_cents + self.items.iter().map(|item| item.quantity * item.price_cents).sum::<i64>()
    }

    /// What may be paid back without a person's judgement; the same as `orders_view.refundable`.
    pub fn refundable_cents(&self) -> i64 {
        let Some(days) = self.delivered.filter(|days| self.status == Status::Delivered && *days <= self.return_window)
        else {
            return 0;
        };
        let is_plain = |item: &&Item| !item.on_sale && !item.hygiene;
        let plain: i64 = self.items.iter().filter(is_plain).map(|item| item.quantity * item.price_cents).sum();
        let whole = self.items.iter().all(|item| is_plain(&item));
        let shipping = if days <= 14 && whole { self.shipping_cents } else { 0 };
        (plain - self.refunded_cents + shipping).max(0)
    }
}

const SCHEMA: &str = include_str!("data/schema.sql");

const INSERT_META: &str = "insert into meta (key, value) values ('today', $1), ('currency', 'EUR')";

const INSERT_CUSTOMERS: &str = "
    insert into customers (user_id, name, email, phone, language, street, postcode, city, country, member, points, since)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
           value ->> 8, value ->> 9, value ->> 10, date($2, (value ->> 11) || ' days')
    from json_each($1)";

const INSERT_PRODUCTS: &str = "
    insert into products (product_id, name, category, colour, sizes, price_cents, price, on_sale, hygiene, stock)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, (value ->> 5) / 100.0,
           value ->> 6, value ->> 7, value ->> 8
    from json_each($1)";

const INSERT_ORDERS: &str = "
    insert into orders (order_id, user_id, status, ordered_on, shipped_on, delivered_on, carrier, tracking,
                        shipping_cents, total_cents, refunded_cents, payment, street, postcode, city, country)
    select value ->> 0, value ->> 1, value ->> 2, date($2, (value ->> 3) || ' days'),
           date($2, (value ->> 4) || ' days'), date($2, (value ->> 5) || ' days'), value ->> 6, value ->> 7,
           value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15
    from json_each($1)";

const INSERT_ITEMS: &str = "
    insert into order_items (order_id, line, product_id, size, quantity, price_cents, on_sale)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    from json_each($1)";

impl ShopData {
    /// The shop of `seed`: 600 customers, 300 articles, 4,000 orders.
    pub fn new(seed: u64) -> Self {
        build::build(seed)
    }

    /// The customer with this id.
    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.iter().find(|customer| customer.id == id)
    }

    /// The order with this id.
    pub fn order(&self, id: &str) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == id)
    }

    async fn write(&self, path: &Path) -> anyhow::Result<()> {
        for leftover in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(leftover);
            match tokio::fs::remove_file(&file).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // Readers (agents) and the one writer (the service) do not wait for each other.
            .journal_mode(SqliteJournalMode::Wal);
        let mut connection = options.connect().await?;
        let written = self.fill(&mut connection).await;
        connection.close().await?;
        written
    }

    /// One transaction, one statement per table: the rows travel as one JSON list, which keeps it under a second even
    /// in a debug build.
    async fn fill(&self, connection: &mut SqliteConnection) -> anyhow::Result<()> {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
        sqlx::query(INSERT_META).bind(TODAY).execute(&mut *transaction).await?;
        let items = self.orders.iter().flat_map(item_rows).collect();
        let tables = [
            (INSERT_CUSTOMERS, self.customers.iter().map(customer_row).collect()),
            (INSERT_PRODUCTS, self.products.iter().map(product_row).collect()),
            (INSERT_ORDERS, self.orders.iter().map(order_row).collect()),
            (INSERT_ITEMS, items),
        ];
        for (statement, rows) in tables {
            let rows = Value::Array(rows).to_string();
            sqlx::query(statement).bind(rows).bind(TODAY).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn customer_row(customer: &Customer) -> Value {
    let Customer { id, name, email, phone, language, address, member, points, since } = customer;
    let Address { street, postcode, city, country } = address;
    json!([id, name, email, phone, language, street, postcode, city, country, i64::from(*member), points, -since])
}

fn product_row(product: &Product) -> Value {
    let Product { id, name, category, colour, sizes, price_cents, on_sale, hygiene, stock, .. } = product;
    json!([id, name, category, colour, sizes, price_cents, i64::from(*on_sale), i64::from(*hygiene), stock])
}

fn order_row(order: &Order) -> Value {
    let Address { street, postcode, city, country } = &order.address;
    json!([
        order.id,
        order.customer,
        order.status.as_str(),
        -order.ordered,
        order.shipped.map(|days| -days),
        order.delivered.map(|days| -days),
        order.carrier,
        order.tracking,
        order.shipping_cents,
        order.total_cents(),
        order.refunded_cents,
        order.payment,
        street,
        postcode,
        city,
        country,
    ])
}

fn item_rows(order: &Order) -> Vec<Value> {
    (1..)
        .zip(&order.items)
        .map(|(line, item)| {
            json!([order.id, line, item.product, item.size, item.quantity, item.price_cents, i64::from(item.on_sale)])
        })
        .collect()
}

#[cfg(test)]
mod tests;
