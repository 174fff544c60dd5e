package client

import "errors"

// ExitCode is how a command ends with err, as docs/client.md tells.
func ExitCode(err error) int {
	for _, c := range []struct {
		err  error
		code int
	}{
		{ErrPartial, 7}, // first: it wraps what went wrong
		{ErrVerify, 6},
		{ErrUsage, 2},
		{ErrUnreachable, 5},
		{ErrDenied, 4},
		{ErrNotFound, 3},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return 1
}
