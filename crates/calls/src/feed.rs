//! What happens to lines, in order, for one reader: a bounded queue that call control never waits for.

use std::collections::VecDeque;
use std::sync::Arc;

use model::LineId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::features::applications::{RouteEnd, RouteRequest};
use crate::snapshot::CallSnapshot;

/// What may wait for a reader; whoever lets more come together has lost the thread, and must begin anew.
pub const FEED_ITEMS_MAX: usize = 1_024;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Happened {
    /// A call has changed: this is its newest snapshot.
    Call(Arc<CallSnapshot>),
    /// A line's phones have come or gone.
    Line(LineId),
    /// A call has come to a route point, and the reader is asked where it shall go.
    RouteRequest(Arc<RouteRequest>),
    /// It need not say so any more.
    RouteEnd(Arc<RouteEnd>),
}

/// The reader was too slow: something that happened is not in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// See the module.
#[derive(Debug, Default)]
pub struct Feed {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Happened>,
    overflowed: bool,
}

impl Feed {
    pub(crate) fn put(&self, happened: Happened) {
        let mut queue = self.queue.lock();
        if queue.items.len() >= FEED_ITEMS_MAX {
            // Nobody will read them any more.
            queue.items = VecDeque::new();
            queue.overflowed = true;
        } else if !queue.overflowed {
            queue.items.push_back(happened);
        }
        let first = queue.overflowed || queue.items.len() == 1;
        drop(queue);
        if first {
            self.wake.notify_one();
        }
    }

    /// The next thing that happened, if any.
    ///
    /// # Errors
    /// The reader was too slow.
    pub fn take(&self) -> Result<Option<Happened>, Overflow> {
        let mut queue = self.queue.lock();
        if queue.overflowed { Err(Overflow) } else { Ok(queue.items.pop_front()) }
    }

    /// Waits until there is something, or too much of it.
    pub async fn wait(&self) {
        loop {
            let notified = self.wake.notified();
            {
                let queue = self.queue.lock();
                if queue.overflowed || !queue.items.is_empty() {
                    return;
                }
            }
            notified.await;
        }
    }

    /// Waits until the reader was too slow, whatever else there is to read.
    pub async fn overflowed(&self) {
        loop {
            let notified = self.wake.notified();
            if self.queue.lock().overflowed {
                return;
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize) -> Happened {
        Happened::Line(number.to_string().parse::<model::Number>().unwrap().into())
    }

    #[tokio::test]
    async fn what_happened_is_read_in_its_order() {
        let feed = Feed::default();
        for number in 0..FEED_ITEMS_MAX {
            feed.put(line(number));
        }
        feed.wait().await;
        for number in 0..FEED_ITEMS_MAX {
            let Ok(Some(Happened::Line(line))) = feed.take() else { panic!("{number}") };
            assert_eq!(line.number.as_str(), number.to_string());
        }
        assert!(feed.take().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_reader_that_is_too_slow_is_told_and_nothing_piles_up() {
        let feed = Feed::default();
        for number in 0..2 * FEED_ITEMS_MAX {
            feed.put(line(number));
        }
        feed.overflowed().await;
        feed.wait().await;
        assert_eq!(feed.take().err(), Some(Overflow));
        assert!(feed.queue.lock().items.is_empty());
    }
}
