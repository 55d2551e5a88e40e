//! The way into a media thread: a bounded queue of orders and a waker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;
use parking_lot::Mutex;

use crate::hub::Arrival;
use crate::port::Leg;
use crate::{Command, Conference, ConferenceId, PortId};

/// Orders that may wait for one thread; more are dropped with a warning, except those that open and close.
const ORDERS_MAX: usize = 65_536;

/// What a media thread is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// A port was opened and is now this thread's.
    Open(Box<Leg>),
    /// A command from outside.
    Do(Command),
    /// This port will arrive by [`Order::Open`]; keep commands for it until then.
    Expect(PortId),
    /// Hand this port to another thread, by its index.
    Give(PortId, usize),
    /// A port that was expected is closed and will not arrive.
    Gone(PortId),
    /// A conference was opened and is this thread's.
    Conference(ConferenceId, Conference),
    /// Something came to the published port for a leg of this thread.
    Arrive(Box<Arrival>),
    /// Bind pairs until the stock is full.
    Refill,
}

impl Order {
    /// Losing one of these would lose a port for good; their number is bounded by the ports there are.
    fn must_arrive(&self) -> bool {
        match self {
            Self::Do(command) => matches!(command, Command::Close { .. } | Command::Connect { .. }),
            Self::Arrive(_) => false,
            _ => true,
        }
    }
}

/// One media thread's queue.
#[derive(Debug)]
pub(crate) struct Lane {
    orders: Mutex<VecDeque<Order>>,
    waker: Waker,
    is_woken: AtomicBool,
}

impl Lane {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { orders: Mutex::default(), waker, is_woken: AtomicBool::new(false) }
    }

    /// Queues an order and wakes the thread; never waits.
    pub(crate) fn push(&self, order: Order) {
        {
            let mut orders = self.orders.lock();
            if orders.len() >= ORDERS_MAX && !order.must_arrive() {
                metrics::counter!("carillon_media_commands_dropped_total").increment(1);
                tracing::warn!(limit = ORDERS_MAX, "media command queue is full");
                return;
            }
            orders.push_back(order);
        }
        if !self.is_woken.swap(true, Ordering::AcqRel)
            && let Err(cause) = self.waker.wake()
        {
            tracing::error!(%cause, "media thread cannot be woken");
        }
    }

    /// Takes all that is queued, without a lock when nothing is. Later pushes wake the thread anew.
    pub(crate) fn take(&self) -> Option<VecDeque<Order>> {
        if !self.is_woken.swap(false, Ordering::AcqRel) {
            return None;
        }
        Some(std::mem::take(&mut *self.orders.lock()))
    }
}
