//go:build unix

// Package freespace asks how much room a disk has.
package freespace

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Of says how much of the disk that holds dir is free to us, and its size.
func Of(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

// IsNone says whether err means that there is no room.
func IsNone(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
