//! The carillon binary: verbs, configuration, wiring, start and stop.

pub mod certificate;
pub mod config;
pub mod control;
pub mod data;
pub mod demo;
pub mod logging;
pub mod node;
pub mod notify;
pub mod operation;
pub mod verbs;

pub use node::Node;
