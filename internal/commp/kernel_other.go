//go:build !amd64

package commp

func native() []*kernel { return nil }
