//! What a store keeps when the power goes or the disk fails: tests alone, nothing to depend on.
