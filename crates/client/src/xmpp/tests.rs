//! Two ends and a wire.
