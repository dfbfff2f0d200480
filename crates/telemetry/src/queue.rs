//! The one queue between runs and their export: ids only, bounded, and never waited for by who offers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainstay_core::id::RunId;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

use crate::exporter::Closing;

/// The end where runs are offered.
#[derive(Debug)]
pub(crate) struct Offers {
    sender: Sender<RunId>,
    full: AtomicU64,
    too_late: AtomicU64,
}

/// The end where they are taken.
#[derive(Debug)]
pub(crate) struct Queue {
    receiver: Receiver<RunId>,
}

/// Runs that are taken at once, at most.
const BATCH: usize = 64;
/// How long the first of a batch waits for others.
const LINGER: Duration = Duration::from_millis(200);
/// How often it is looked whether the batch is full. Nobody who offers wakes anybody meanwhile, which would cost a call of
/// the system each time.
const LOOK: Duration = Duration::from_millis(25);

/// A queue for `room` runs.
pub(crate) fn queue(room: usize) -> (Offers, Queue) {
    let (sender, receiver) = mpsc::channel(room.clamp(1, 1 << 24));
    (Offers { sender, full: AtomicU64::new(0), too_late: AtomicU64::new(0) }, Queue { receiver })
}

impl Offers {
    /// Puts `run` in, or counts it as dropped.
    pub(crate) fn offer(&self, run: RunId) {
        match self.sender.try_send(run) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => _ = self.full.fetch_add(1, Ordering::Relaxed),
            Err(TrySendError::Closed(_)) => _ = self.too_late.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(crate) fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    pub(crate) fn too_late(&self) -> u64 {
        self.too_late.load(Ordering::Relaxed)
    }

    pub(crate) fn depth(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }
}

impl Queue {
    /// The next runs, each once: as many as make a batch, or what came within a moment. `None` when it is closed and empty.
    pub(crate) async fn take(&mut self, closing: &mut Closing) -> Option<Vec<RunId>> {
        let first = tokio::select! {
            biased;
            _ = closing.deadline() => {
                // Whoever keeps offering must not keep us here.
                self.receiver.close();
                self.receiver.recv().await
            }
            first = self.receiver.recv() => first,
        }?;
        let until = Instant::now() + LINGER;
        while self.receiver.len() + 1 < BATCH && Instant::now() < until && !closing.has_begun() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = closing.deadline() => {}
            }
        }
        let mut runs = vec![first];
        while runs.len() < BATCH
            && let Ok(run) = self.receiver.try_recv()
        {
            // A run is offered whenever it parks and when it ends; its trace is whole either way.
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        Some(runs)
    }

    /// Closes it and says how many runs are lost with it.
    pub(crate) fn abandon(&mut self) -> u64 {
        self.receiver.close();
        let mut lost = 0;
        while self.receiver.try_recv().is_ok() {
            lost += 1;
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::id::RunId;
    use uuid::Uuid;

    use super::*;

    fn run(number: u128) -> RunId {
        RunId::from_uuid(Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lone_run_is_taken_after_a_moment_and_a_full_batch_at_once() {
        let (offers, mut queue) = queue(1000);
        let (_closer, mut closing) = Closing::new();
        offers.offer(run(1));
        let before = Instant::now();
        assert_eq!(queue.take(&mut closing).await.unwrap(), [run(1)]);
        assert_eq!(before.elapsed(), LINGER);
        (0..100).for_each(|number| offers.offer(run(number)));
        let before = Instant::now();
        assert_eq!(queue.take(&mut closing).await.unwrap().len(), BATCH);
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_offered_twice_in_a_moment_is_taken_once() {
        let (offers, mut queue) = queue(10);
        let (_closer, mut closing) = Closing::new();
        [1, 2, 1].into_iter().for_each(|number| offers.offer(run(number)));
        assert_eq!(queue.take(&mut closing).await.unwrap(), [run(1), run(2)]);
    }

    #[tokio::test]
    async fn what_does_not_fit_or_comes_too_late_is_counted_and_what_was_in_time_is_still_taken() {
        let (offers, mut queue) = queue(2);
        let (closer, mut closing) = Closing::new();
        (0..5).for_each(|number| offers.offer(run(number)));
        assert_eq!((offers.full(), offers.depth()), (3, 2));
        closer.close(Duration::from_secs(5));
        assert_eq!(queue.take(&mut closing).await.unwrap(), [run(0), run(1)]);
        assert_eq!(queue.take(&mut closing).await, None);
        offers.offer(run(9));
        assert_eq!(offers.too_late(), 1);
    }
}
