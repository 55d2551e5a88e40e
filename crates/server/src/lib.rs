//! The carillon binary: verbs, configuration, wiring, start and stop.
//!
//! A verb (`verbs`) asks for an operation (crate `operations`), through the control socket of the running node
//! (`control`) or, when none runs, on the store itself (`access`). [`node::Node`] wires the rooms together.

pub mod access;
mod administration;
pub mod certificate;
mod check;
pub mod config;
pub mod control;
pub mod demo;
pub mod logging;
pub mod moving;
pub mod node;
pub mod notify;
mod outside;
mod print;
mod serving;
mod status;
pub mod verbs;
