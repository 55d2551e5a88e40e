//! HTTP: administration, status page, health, metrics.
