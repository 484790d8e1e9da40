//! The durable job queue and its worker pool; it knows nothing of what runs on it.
