//! One transaction for many, and what happens in it when one of them fails.

use mainstay_core::error::Retry;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;
use crate::value::values;

/// Inserts its numbers one after the other and then does what it is told.
struct Insert(&'static [i64], Then);

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Succeed,
    Fail,
    /// Ends the transaction under everybody's feet, as the engine does when the disk is full.
    EndTransaction,
}

#[async_trait]
impl Operation for Insert {
    type Output = i64;

    async fn run(self, connection: &mut Connection<'_>) -> Result<i64, StoreError> {
        let Self(numbers, then) = self;
        for number in numbers {
            connection.execute("insert into numbers (n) values ($1)", values![*number]).await?;
        }
        match then {
            Then::Succeed => Ok(numbers.iter().sum()),
            Then::Fail => Err(StoreError::LeaseLost),
            Then::EndTransaction => {
                connection.execute(ROLLBACK, Vec::new()).await?;
                Err(error::refused("disk full"))
            }
        }
    }
}

type Answer = oneshot::Receiver<Result<i64, StoreError>>;

fn queued(operation: Insert) -> (Box<dyn Work>, Answer) {
    let (answer, answered) = oneshot::channel();
    (Box::new(Queued { operation: Some(operation), output: None, answer }), answered)
}

async fn numbers_table() -> SqliteConnection {
    let mut connection = SqliteConnectOptions::new().filename(":memory:").connect().await.unwrap();
    let create = "create table numbers (n bigint not null primary key)";
    Connection::Sqlite(&mut connection).execute(create, Vec::new()).await.unwrap();
    connection
}

async fn numbers(connection: &mut SqliteConnection) -> Vec<i64> {
    let rows =
        Connection::Sqlite(connection).rows("select n from numbers order by n limit 100", Vec::new()).await.unwrap();
    rows.into_iter().map(|mut row| row.int().unwrap()).collect()
}

#[tokio::test]
async fn one_that_fails_takes_back_only_its_own_part() {
    let mut connection = numbers_table().await;
    let (batch, answers): (Vec<_>, Vec<_>) = [
        Insert(&[1, 2], Then::Succeed),
        Insert(&[3, 4], Then::Fail),
        Insert(&[5, 5], Then::Succeed),
        Insert(&[3], Then::Succeed),
        Insert(&[6, 1], Then::Succeed),
    ]
    .into_iter()
    .map(queued)
    .unzip();
    commit(&mut connection, batch).await;

    let mut said = Vec::new();
    for answer in answers {
        said.push(answer.await.unwrap().ok());
    }
    assert_eq!(said, [Some(3), None, None, Some(3), None]);
    assert_eq!(numbers(&mut connection).await, [1, 2, 3]);
}

#[tokio::test]
async fn nobody_is_told_yes_when_the_transaction_is_lost_and_the_next_one_works() {
    let mut connection = numbers_table().await;
    let (batch, answers): (Vec<_>, Vec<_>) =
        [Insert(&[1], Then::Succeed), Insert(&[2], Then::EndTransaction), Insert(&[3], Then::Succeed)]
            .into_iter()
            .map(queued)
            .unzip();
    commit(&mut connection, batch).await;
    for answer in answers {
        let answer = answer.await.unwrap();
        assert!(matches!(answer, Err(StoreError::Database { retry: Retry::No, .. })), "{answer:?}");
    }
    assert_eq!(numbers(&mut connection).await, [] as [i64; 0]);

    let (work, answer) = queued(Insert(&[4], Then::Succeed));
    commit(&mut connection, vec![work]).await;
    assert_eq!(answer.await.unwrap().unwrap(), 4);
    assert_eq!(numbers(&mut connection).await, [4]);
}

#[tokio::test]
async fn what_was_queued_before_closing_is_done_and_what_comes_after_is_refused() {
    let writer = Writer::start(numbers_table().await, 4).unwrap();
    let (first, second, (), third) = tokio::join!(
        biased;
        writer.submit(Insert(&[1], Then::Succeed)),
        writer.submit(Insert(&[2], Then::Succeed)),
        writer.close(),
        async { writer.submit(Insert(&[3], Then::Succeed)).await },
    );
    assert_eq!((first.unwrap(), second.unwrap()), (1, 2));
    // The third was sent before the thread could have seen that it is to close, so it may still be in time.
    assert!(matches!(third, Ok(3) | Err(StoreError::Database { .. })), "{third:?}");
    let late = writer.submit(Insert(&[9], Then::Succeed)).await;
    assert_eq!(late.unwrap_err().to_string(), "the database failed: the store is closed");
}
