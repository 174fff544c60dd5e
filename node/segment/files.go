package segment

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/whypfs/whypfs/internal/durable"
)

// files is the directory of a store. Tests put faults and crashes behind it.
type files interface {
	// open opens name and says how long it is; with create, it must not exist.
	open(name string, create bool) (f file, size int64, err error)
	rename(from, to string) error
	remove(name string) error
	list() ([]string, error)
	// sync makes creations, renames and removals durable.
	sync() error
}

// file is one open file.
type file interface {
	data
	io.WriterAt
	// Allocate takes room for n bytes at off from the disk, without changing the
	// file's length. It is errors.ErrUnsupported where that cannot be done.
	Allocate(off, n int64) error
}

// data is what a file holds. Sync makes it and its length durable.
type data interface {
	io.ReaderAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// A pastReader can read past the page cache: for large blocks to go through that
// costs more than all else together. p and off begin at multiples of pageSize in
// memory and in the file. past is false if it had to be read through it.
type pastReader interface {
	readPast(p []byte, off int64) (n int, past bool, err error)
}

// writesPast says whether what is large goes past the page cache when it is written.
func writesPast(f file) bool {
	o, ok := f.(*osFile)
	return ok && o.direct != nil
}

// osFiles is a directory of the operating system. os.Root keeps every name inside it.
type osFiles struct {
	dir  string
	root *os.Root
}

func (d osFiles) open(name string, create bool) (file, int64, error) {
	flag := os.O_RDWR
	if create {
		flag |= os.O_CREATE | os.O_EXCL
	}
	f, err := d.root.OpenFile(name, flag, 0o600)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	o := &osFile{File: f}
	if strings.HasSuffix(name, dataSuffix) {
		o.direct = d.openDirect(name)
	}
	return o, st.Size(), nil
}

func (d osFiles) rename(from, to string) error { return d.root.Rename(from, to) }

func (d osFiles) remove(name string) error { return d.root.Remove(name) }

func (d osFiles) list() ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d osFiles) sync() error { return durable.SyncDir(d.dir) }

// An osFile is a file of the operating system.
type osFile struct {
	*os.File
	direct *os.File // reads and writes past the page cache; nil if the file system cannot
}

// WriteAt implements io.WriterAt. What is large goes past the page cache, if that
// can be; then p and off are multiples of pageSize in memory and in the file. What
// is small will be read through the page cache, so it may go there.
func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	if f.direct != nil && len(p) >= largeBlock {
		if n, err := f.direct.WriteAt(p, off); !refused(err) {
			return n, err
		}
	}
	return f.File.WriteAt(p, off)
}

// readPast implements pastReader.
func (f *osFile) readPast(p []byte, off int64) (n int, past bool, err error) {
	if f.direct == nil {
		n, err = f.File.ReadAt(p, off)
		return n, false, err
	}
	if n, err = f.direct.ReadAt(p, off); refused(err) {
		n, err = f.File.ReadAt(p, off)
		return n, false, err
	}
	return n, true, err
}

// refused says that a file system opens files for what it then does not do, or
// wants other sizes for it.
func refused(err error) bool { return errors.Is(err, syscall.EINVAL) }

func (f *osFile) Close() error {
	if f.direct == nil {
		return f.File.Close()
	}
	return errors.Join(f.direct.Close(), f.File.Close())
}
