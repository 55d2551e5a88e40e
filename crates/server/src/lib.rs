//! The carillon binary: verbs, configuration, wiring, start and stop.
//!
//! A verb (`verbs`) asks for an operation (`operations`), through the control socket of the running node
//! (`control`) or, when none runs, on the store itself (`access`). [`node::Node`] wires the rooms together.

pub mod access;
mod administration;
pub mod certificate;
mod check;
pub mod config;
pub mod control;
pub mod demo;
pub mod exit;
pub mod folder;
pub mod logging;
pub mod migration;
pub mod node;
pub mod notify;
pub mod operations;
mod outside;
mod print;
mod serving;
mod status;
pub mod verbs;
