//! The one writer of a SQLite database, with group commit.
//!
//! A commit costs a sync of the disk, whatever is in it. So operations queue up while the disk is busy, and whatever waits
//! goes into the next transaction together. Each is wrapped in a savepoint: one that fails takes only itself back. Callers
//! are answered after the commit, so an answer means that it is on the disk.
//!
//! An operation whose caller has gone away is done all the same.

use async_trait::async_trait;
use mainstay_core::error::StoreError;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use crate::connection::Connection;
use crate::error;
use crate::operation::Operation;

/// Operations that may wait before callers themselves have to.
const QUEUE: usize = 1024;

/// Hands operations to the thread that owns the connection; the thread ends with the last of these.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
}

enum Message {
    Work(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the thread. At most `max_batch` operations share a transaction.
    pub(crate) fn start(connection: SqliteConnection, max_batch: usize) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| error::refused(format!("cannot start the writer: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(failed)?;
        let (queue, messages) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || runtime.block_on(serve(connection, messages, max_batch.max(1))))
            .map_err(failed)?;
        Ok(Self { queue })
    }

    /// Does the operation; on success it is durable.
    pub(crate) async fn submit<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        let (answer, answered) = oneshot::channel();
        let work = Queued { operation: Some(operation), output: None, answer };
        self.queue.send(Message::Work(Box::new(work))).await.map_err(|_| error::closed())?;
        answered.await.unwrap_or_else(|_| Err(error::closed()))
    }

    /// Finishes what is queued, then closes the connection. Later operations are refused.
    pub(crate) async fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.queue.send(Message::Close(closed)).await.is_ok() {
            // An error means that the thread is gone, and that is what was asked for.
            drop(done.await);
        }
    }
}

async fn serve(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Message>, max_batch: usize) {
    let mut messages = Vec::new();
    let mut closing = Vec::new();
    while queue.recv_many(&mut messages, max_batch).await > 0 {
        let mut batch = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::Work(work) => batch.push(work),
                Message::Close(closed) => {
                    // What is queued already is still received, and then nothing.
                    queue.close();
                    closing.push(closed);
                }
            }
        }
        if !batch.is_empty() {
            commit(&mut connection, batch).await;
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!("the store did not close cleanly: {}", error::database(error));
    }
    for closed in closing {
        // Whoever asked may have stopped waiting.
        let _ = closed.send(());
    }
}

const BEGIN: &str = "begin immediate; savepoint operation";
const KEEP: &str = "release operation; savepoint operation";
/// The savepoint stays, for the next operation.
const UNDO: &str = "rollback to operation";
const COMMIT: &str = "commit";
const ROLLBACK: &str = "rollback";

/// One transaction, then all answers.
async fn commit(connection: &mut SqliteConnection, mut batch: Vec<Box<dyn Work>>) {
    let mut connection = Connection::Sqlite(connection);
    let committed = attempt(&mut connection, &mut batch).await;
    if committed.is_err() {
        // Fails where the engine has rolled back by itself, such as on a full disk.
        drop(connection.execute(ROLLBACK, Vec::new()).await);
    }
    for work in batch {
        work.answer(committed.as_ref().err());
    }
}

async fn attempt(connection: &mut Connection<'_>, batch: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
    connection.execute(BEGIN, Vec::new()).await?;
    let mut left = batch.len();
    for work in batch {
        left -= 1;
        if !work.run(connection).await {
            connection.execute(UNDO, Vec::new()).await?;
        } else if left > 0 {
            connection.execute(KEEP, Vec::new()).await?;
        }
    }
    connection.execute(COMMIT, Vec::new()).await.map(drop)
}

/// An [`Operation`] on its way, without its type.
#[async_trait]
trait Work: Send {
    /// Runs the operation; false when its changes must be undone.
    async fn run(&mut self, connection: &mut Connection<'_>) -> bool;

    /// Tells the caller. `failure` is why the whole transaction failed, if it did.
    fn answer(self: Box<Self>, failure: Option<&StoreError>);
}

struct Queued<O: Operation> {
    operation: Option<O>,
    output: Option<Result<O::Output, StoreError>>,
    answer: oneshot::Sender<Result<O::Output, StoreError>>,
}

#[async_trait]
impl<O: Operation> Work for Queued<O> {
    async fn run(&mut self, connection: &mut Connection<'_>) -> bool {
        let Some(operation) = self.operation.take() else { return false };
        let output = operation.run(connection).await;
        let keep = output.is_ok();
        self.output = Some(output);
        keep
    }

    fn answer(self: Box<Self>, failure: Option<&StoreError>) {
        let answer = match (failure, self.output) {
            (None, Some(output)) => output,
            (Some(failure), _) => Err(error::copy(failure)),
            (None, None) => Err(error::closed()),
        };
        // The caller may have stopped waiting.
        drop(self.answer.send(answer));
    }
}

#[cfg(test)]
mod tests;
