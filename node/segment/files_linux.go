package segment

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Sync writes the data and the length, but not the times, of the file. A Close
// meanwhile does not give the descriptor to another file before it ends.
func (f osFile) Sync() error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var synced error
	err = c.Control(func(fd uintptr) {
		for {
			if synced = unix.Fdatasync(int(fd)); !errors.Is(synced, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, synced)
}
