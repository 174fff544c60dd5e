package segment

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Sync writes the data and the length, but not the times, of the file.
func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
