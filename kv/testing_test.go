package kv_test

import "context"

// background is for cleanups, when the test's own context has ended.
var background = context.Background()
