use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use super::*;

async fn shop() -> (tempfile::TempDir, ShopData, SqlitePool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let data = generate(DEFAULT_SEED, &path).await.unwrap();
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path).read_only(true)).await.unwrap();
    (folder, data, pool)
}

#[test]
fn a_seed_always_makes_the_same_shop_and_another_seed_another_one() {
    assert_eq!(ShopData::new(11), ShopData::new(11));
    assert_ne!(ShopData::new(11), ShopData::new(12));
}

#[test]
fn the_shop_has_the_size_and_the_variety_that_the_demo_needs() {
    let data = ShopData::new(DEFAULT_SEED);
    assert_eq!((data.customers.len(), data.products.len(), data.orders.len()), (600, 300, 4000));
    let unique = |ids: Vec<&String>| ids.iter().collect::<BTreeSet<_>>().len();
    assert_eq!(unique(data.orders.iter().map(|order| &order.id).collect()), 4000);
    assert_eq!(unique(data.customers.iter().map(|customer| &customer.email).collect()), 600);
    assert_eq!(unique(data.products.iter().map(|product| &product.name).collect()), 300);
    let countries: BTreeSet<&str> = data.customers.iter().map(|customer| customer.address.country).collect();
    assert_eq!(countries, COUNTRY_NAMES.into_iter().collect());
    for status in [Status::Processing, Status::Shipped, Status::Delivered, Status::Cancelled, Status::Returned] {
        let count = data.orders.iter().filter(|order| order.status == status).count();
        assert!(count > 100, "{count} {}", status.as_str());
    }
    for order in &data.orders {
        let id = order.id.strip_prefix("#W").unwrap();
        assert!(id.len() == 7 && id.bytes().all(|byte| byte.is_ascii_digit()), "{}", order.id);
        assert!((1..=4).contains(&order.items.len()));
        assert!(order.refunded_cents <= order.total_cents());
        assert!(order.delivered <= order.shipped && order.shipped.is_none_or(|shipped| shipped < order.ordered));
        assert!(data.customer(&order.customer).is_some());
    }
    assert!(data.customers.iter().all(|customer| customer.email.is_ascii() && !customer.email.starts_with('.')));
}

#[tokio::test]
async fn the_view_that_the_agent_reads_agrees_with_the_model_in_memory_for_every_order() {
    let (_folder, data, pool) = shop().await;
    let rows =
        sqlx::query("select order_id, total, total_text, refundable, days_since_delivery, items from orders_view")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(rows.len(), data.orders.len());
    for row in rows {
        let order = data.order(row.get("order_id")).unwrap();
        assert_eq!(row.get::<String, _>("total_text"), crate::money::amount_text(order.total_cents()));
        assert_eq!(row.get::<f64, _>("total").to_string().parse(), row.get::<String, _>("total_text").parse::<f64>());
        let refundable = crate::money::amount_text(order.refundable_cents()).parse::<f64>().unwrap();
        assert_eq!(row.get::<f64, _>("refundable"), refundable, "{}", order.id);
        assert_eq!(row.get::<Option<i64>, _>("days_since_delivery"), order.delivered);
        let items = row.get::<String, _>("items");
        assert!(order.items.iter().all(|item| items.contains(&item.name)), "{items}");
    }
}

#[tokio::test]
async fn the_known_orders_are_what_the_documentation_says_for_every_seed() {
    let (_folder, _, pool) = shop().await;
    let facts = |id: &'static str| {
        let pool = pool.clone();
        async move {
            let row =
                sqlx::query("select user_id, status, refundable_text, in_window from orders_view where order_id = $1")
                    .bind(id)
                    .fetch_one(&pool)
                    .await
                    .unwrap();
            let text = |name: &str| row.get::<String, _>(name);
            (text("user_id"), text("status"), text("refundable_text"), row.get::<i64, _>("in_window"))
        }
    };
    let is = |user: &str, status: &str, refundable: &str, in_window| {
        (user.to_owned(), status.to_owned(), refundable.to_owned(), in_window)
    };
    assert_eq!(facts(known::SMALL).await, is("c-1001", "delivered", "34.90", 1));
    assert_eq!(facts(known::LARGE).await, is("c-1001", "delivered", "189.00", 1));
    assert_eq!(facts(known::PROCESSING).await, is("c-1001", "processing", "0.00", 0));
    assert_eq!(facts(known::SHIPPED).await, is("c-1001", "shipped", "0.00", 0));
    assert_eq!(facts(known::OTHERS).await, is("c-1002", "delivered", "46.90", 1));
    assert_eq!(facts(known::OLD).await, is("c-1001", "delivered", "0.00", 0));
    assert_eq!(facts(known::SALE).await, is("c-1001", "delivered", "0.00", 1));
    for seed in 0..20 {
        let data = ShopData::new(seed);
        assert_eq!(data.order(known::SMALL).unwrap().refundable_cents(), 3490);
        assert_eq!(data.order(known::LARGE).unwrap().refundable_cents(), 18900);
    }
}

#[tokio::test]
async fn the_list_of_a_customers_orders_shows_the_latest_first_and_only_their_own() {
    let (_folder, data, pool) = shop().await;
    let row = sqlx::query("select orders, latest from customer_orders where user_id = $1")
        .bind(known::CUSTOMER)
        .fetch_one(&pool)
        .await
        .unwrap();
    let mine: Vec<_> = data.orders.iter().filter(|order| order.customer == known::CUSTOMER).collect();
    assert_eq!(row.get::<i64, _>("orders"), i64::try_from(mine.len()).unwrap());
    let latest = row.get::<String, _>("latest");
    let lines: Vec<&str> = latest.split("; ").collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[0].starts_with(known::PROCESSING), "{latest}");
    for line in lines {
        assert!(mine.iter().any(|order| line.starts_with(&order.id)), "{line}");
    }
}

#[tokio::test]
async fn writing_a_shop_over_an_older_one_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    generate(1, &path).await.unwrap();
    let data = generate(2, &path).await.unwrap();
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path)).await.unwrap();
    let total: i64 = sqlx::query_scalar("select sum(total_cents) from orders").fetch_one(&pool).await.unwrap();
    assert_eq!(total, data.orders.iter().map(Order::total_cents).sum::<i64>());
}
