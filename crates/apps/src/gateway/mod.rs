//! Gateways: the only applications that see how another network writes its messages.

pub mod simple;
