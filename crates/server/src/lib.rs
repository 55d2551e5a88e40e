//! The carillon binary: verbs, configuration, wiring, start and stop.
