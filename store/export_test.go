package store

// RetryStaleWith is RetryStale with pauses of the test's.
var RetryStaleWith = retryStale
