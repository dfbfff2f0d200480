use serde_json::{Value, json};
use sqlx::ConnectOptions;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::data::{self, known};

const TOKEN: &str = "a-token";

async fn shop(options: ShopOptions) -> (TempDir, Shop) {
    let folder = tempfile::tempdir().unwrap();
    data::generate(data::DEFAULT_SEED, &folder.path().join(DATABASE)).await.unwrap();
    let shop = Shop::start(folder.path(), ShopOptions { token: Some(TOKEN.into()), ..options }).await.unwrap();
    (folder, shop)
}

fn faulty(fault: Fault, times: Option<u32>) -> ShopOptions {
    ShopOptions { faults: ShopFaults { fault: Some(fault), times }, ..ShopOptions::default() }
}

/// What the shop answered: a status and a JSON body, or nothing at all.
async fn send(shop: &Shop, method: &str, path: &str, token: &str, key: &str, body: &str) -> Option<(u16, Value)> {
    let address = shop.base_url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nidempotency-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

async fn refund(shop: &Shop, order: &str, amount: Value, customer: &str, key: &str) -> Option<u16> {
    let path = format!("/orders/{}/refund", order.replace('#', "%23"));
    let body = json!({ "amount": amount, "customer": customer }).to_string();
    send(shop, "POST", &path, TOKEN, key, &body).await.map(|(status, _)| status)
}

async fn readdress(shop: &Shop, order: &str, customer: &str) -> Option<u16> {
    let path = format!("/orders/{}/address", order.replace('#', "%23"));
    let body = json!({ "street": "Feldweg 3", "postcode": "50667", "city": "Köln", "country": "Germany",
                       "customer": customer });
    send(shop, "POST", &path, TOKEN, "k", &body.to_string()).await.map(|(status, _)| status)
}

async fn column(folder: &TempDir, column: &'static str, order: &str) -> String {
    let options = SqliteConnectOptions::new().filename(folder.path().join(DATABASE)).read_only(true);
    let mut db = options.connect().await.unwrap();
    let row = sqlx::query("select refunded_text, street, city from orders_view where order_id = $1");
    let row = row.bind(order).fetch_one(&mut db).await.unwrap();
    sqlx::Row::get(&row, column)
}

#[tokio::test]
async fn a_refund_is_one_row_in_the_ledger_and_the_agents_view_shows_it() {
    let (folder, shop) = shop(ShopOptions::default()).await;
    assert_eq!(refund(&shop, known::SMALL, json!(12.5), "c-1001", "run/4").await, Some(200));
    let effects = shop.effects().await.unwrap();
    let [effect] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((effect.key.as_str(), effect.kind, effect.amount_cents), ("run/4", EffectKind::Refund, Some(1250)));
    assert_eq!((effect.order.as_str(), effect.customer.as_str()), (known::SMALL, "c-1001"));
    assert_eq!(column(&folder, "refunded_text", known::SMALL).await, "12.50");
    shop.stop().await;
    assert_eq!(effects_in(folder.path()).await.unwrap(), effects);
}

#[tokio::test]
async fn an_address_changes_only_while_the_order_is_being_packed() {
    let (folder, shop) = shop(ShopOptions::default()).await;
    assert_eq!(readdress(&shop, known::SHIPPED, "c-1001").await, Some(409));
    assert_eq!(readdress(&shop, known::PROCESSING, "c-1001").await, Some(200));
    assert_eq!(column(&folder, "city", known::PROCESSING).await, "Köln");
    let effects = shop.effects().await.unwrap();
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].address.as_deref(), Some("Feldweg 3, 50667 Köln, Germany"));
}

#[tokio::test]
async fn a_call_that_is_sent_twice_shows_as_two_effects_because_that_is_what_tests_look_for() {
    let (_folder, shop) = shop(ShopOptions::default()).await;
    for _ in 0..2 {
        assert_eq!(refund(&shop, known::SMALL, json!(1), "c-1001", "same").await, Some(200));
    }
    assert_eq!(shop.effects().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_shop_that_recognises_keys_answers_again_without_acting_again() {
    let (_folder, shop) = shop(ShopOptions { deduplicate: true, ..ShopOptions::default() }).await;
    for key in ["same", "same", "other"] {
        assert_eq!(refund(&shop, known::SMALL, json!(1), "c-1001", key).await, Some(200));
    }
    assert_eq!(shop.effects().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_leaves_no_trace() {
    let (folder, shop) = shop(ShopOptions::default()).await;
    for (order, amount, customer, status) in [
        (known::SMALL, json!(34.91), "c-1001", 422),
        (known::SMALL, json!(0), "c-1001", 422),
        (known::SMALL, json!(-5), "c-1001", 422),
        (known::SMALL, json!(0.001), "c-1001", 422),
        (known::SMALL, json!("5"), "c-1001", 422),
        (known::SMALL, json!(5), "c-1002", 404),
        ("#W9999999999", json!(5), "c-1001", 404),
        ("%FF", json!(5), "c-1001", 400),
        (known::PROCESSING, json!(5), "c-1001", 409),
        (known::SHIPPED, json!(5), "c-1001", 409),
    ] {
        assert_eq!(refund(&shop, order, amount.clone(), customer, "k").await, Some(status), "{order} {amount}");
    }
    let path = "/orders/%23W1000001/refund";
    let body = r#"{"amount": 5, "customer": "c-1001"}"#;
    assert_eq!(send(&shop, "POST", path, "another", "k", body).await.unwrap().0, 401);
    assert_eq!(send(&shop, "GET", "/effects", "", "k", "").await.unwrap().0, 401);
    assert_eq!(send(&shop, "POST", path, TOKEN, "k", &" ".repeat(20_000)).await.unwrap().0, 413);
    assert_eq!(send(&shop, "POST", path, TOKEN, "k", "{").await.unwrap().0, 400);
    assert!(shop.effects().await.unwrap().is_empty());
    assert_eq!(column(&folder, "refunded_text", known::SMALL).await, "0.00");
}

#[tokio::test]
async fn the_remaining_total_is_what_is_left_after_earlier_refunds() {
    let (_folder, shop) = shop(ShopOptions::default()).await;
    assert_eq!(refund(&shop, known::SMALL, json!(30), "c-1001", "a").await, Some(200));
    assert_eq!(refund(&shop, known::SMALL, json!(4.91), "c-1001", "b").await, Some(422));
    assert_eq!(refund(&shop, known::SMALL, json!(4.9), "c-1001", "c").await, Some(200));
    let (status, effects) = send(&shop, "GET", "/effects", TOKEN, "", "").await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(effects.as_array().unwrap().iter().map(|row| &row["amount"]).collect::<Vec<_>>(), ["30.00", "4.90"]);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect_and_the_service_is_well_again_after_the_given_times() {
    for (fault, answer) in [(Fault::DropAfterEffect, None), (Fault::ErrorAfterEffect, Some(500))] {
        let (folder, shop) = shop(faulty(fault, Some(1))).await;
        assert_eq!(refund(&shop, known::SMALL, json!(10), "c-1001", "k").await, answer, "{fault:?}");
        assert_eq!(shop.effects().await.unwrap().len(), 1);
        assert_eq!(column(&folder, "refunded_text", known::SMALL).await, "10.00");
        assert_eq!(refund(&shop, known::SMALL, json!(1), "c-1001", "l").await, Some(200));
    }
}

#[tokio::test]
async fn a_fault_before_the_effect_leaves_nothing() {
    for (fault, answer) in [(Fault::DropBeforeEffect, None), (Fault::ErrorBeforeEffect, Some(503))] {
        let (_folder, shop) = shop(faulty(fault, None)).await;
        for _ in 0..2 {
            assert_eq!(refund(&shop, known::SMALL, json!(10), "c-1001", "k").await, answer, "{fault:?}");
        }
        assert!(shop.effects().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_shop_that_never_answers_has_acted_and_can_still_be_stopped() {
    let (folder, shop) = shop(faulty(Fault::HangAfterEffect, None)).await;
    let asked = refund(&shop, known::SMALL, json!(10), "c-1001", "k");
    let acted = async {
        while shop.effects().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = asked => panic!("answered {answer:?}"),
        () = acted => {}
    }
    shop.stop().await;
    assert_eq!(effects_in(folder.path()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_shop_without_data_says_where_it_looked_and_tokens_are_never_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let error = Shop::start(folder.path(), ShopOptions::default()).await.err().unwrap();
    assert!(error.to_string().contains("shop.db"), "{error}");
    data::generate(1, &folder.path().join(DATABASE)).await.unwrap();
    let one = Shop::start(folder.path(), ShopOptions::default()).await.unwrap();
    let other = Shop::start(folder.path(), ShopOptions::default()).await.unwrap();
    assert_eq!(one.token().len(), 48);
    assert_ne!(one.token(), other.token());
    assert_ne!(one.base_url, other.base_url);
}
