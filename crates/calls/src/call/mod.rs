//! Calls: legs and a bridge, their timers and media; the switchboard that holds the calls of one shard.
