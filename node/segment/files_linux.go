package segment

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Sync writes the data and the length, but not the times, of the file. A Close
// meanwhile does not give the descriptor to another file before it ends.
func (f *osFile) Sync() error {
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

// openDirect opens a file again for reads and writes past the page cache; nil if its file system has no such thing.
func (d osFiles) openDirect(name string) *os.File {
	f, err := d.root.OpenFile(name, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return nil
	}
	return f
}

// Allocate implements file.
func (f *osFile) Allocate(off, n int64) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var allocated error
	err = c.Control(func(fd uintptr) {
		for {
			allocated = unix.Fallocate(int(fd), unix.FALLOC_FL_KEEP_SIZE, off, n)
			if !errors.Is(allocated, unix.EINTR) {
				return
			}
		}
	})
	// EINVAL, EPERM: some file systems' way to say it.
	for _, no := range []error{unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL, unix.EPERM} {
		if errors.Is(allocated, no) {
			allocated = fmt.Errorf("%w: %w", errors.ErrUnsupported, allocated)
		}
	}
	return errors.Join(err, allocated)
}

// hole implements holeFinder: room that the disk gave and nobody wrote to counts
// as one, but not while the page cache holds what was read of it.
func (f *osFile) hole(off, n int64) bool {
	c, err := f.SyscallConn()
	if err != nil {
		return false
	}
	found := int64(-1)
	err = c.Control(func(fd uintptr) {
		_ = unix.Fadvise(int(fd), off, n, unix.FADV_DONTNEED)
		if at, err := unix.Seek(int(fd), off, unix.SEEK_HOLE); err == nil {
			found = at
		}
	})
	return err == nil && found >= 0 && found < off+n
}
