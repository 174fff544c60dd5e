package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

var errFault = errors.New("injected fault")

// A fault is what a hook makes of one operation.
type fault int

const (
	noFault    fault = iota
	notApplied       // it fails and nothing happened
	applied          // it fails, but it happened
	torn             // of a write: it fails half way
)

// memFiles is a directory in memory that can lose what was not synced.
type memFiles struct {
	mu       sync.Mutex
	files    map[string]*memFile
	durable  map[string]*memFile // the names that survive a crash
	hook     func(op, name string) fault
	capacity int64 // of all files; 0: no limit
	allocate bool  // files can be given room
	writes   map[string]int
	reads    map[string]int // bytes
	syncs    int
}

func newMemFiles() *memFiles {
	return &memFiles{files: map[string]*memFile{}, durable: map[string]*memFile{}, writes: map[string]int{}, reads: map[string]int{}}
}

// A memFile is a file: what a crash leaves for certain, and what was done since.
type memFile struct {
	dir    *memFiles
	name   string
	data   []byte // as a running process sees it
	room   int64  // taken from the disk
	synced []byte
	since  []change
	lost   bool // a sync failed: the kernel may have dropped what was dirty, so later syncs prove nothing
}

// A change is a write, or a truncation if data is nil.
type change struct {
	off  int64
	data []byte
}

func (d *memFiles) fault(op, name string) fault {
	if d.hook == nil {
		return noFault
	}
	return d.hook(op, name)
}

func (d *memFiles) used() (n int64) {
	for _, f := range d.files {
		n += max(f.room, int64(len(f.data)))
	}
	return n
}

func (d *memFiles) space() (free, total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.capacity == 0 {
		return 1 << 40, 1 << 40, nil
	}
	return d.capacity - d.used(), 0, nil
}

func (d *memFiles) open(name string, create bool) (file, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if !create {
		if f == nil {
			return nil, 0, fs.ErrNotExist
		}
		return f, int64(len(f.data)), nil
	}
	if f != nil {
		return nil, 0, fs.ErrExist
	}
	bad := d.fault("create", name)
	if bad == notApplied {
		return nil, 0, errFault
	}
	d.files[name] = &memFile{dir: d, name: name}
	if bad != noFault {
		return nil, 0, errFault
	}
	return d.files[name], 0, nil
}

func (d *memFiles) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	bad := d.fault("rename", from)
	if bad == notApplied {
		return errFault
	}
	if d.files[from] == nil {
		return fs.ErrNotExist
	}
	d.files[to] = d.files[from]
	d.files[to].name = to
	delete(d.files, from)
	if bad != noFault {
		return errFault
	}
	return nil
}

func (d *memFiles) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] == nil {
		return fs.ErrNotExist
	}
	bad := d.fault("remove", name)
	if bad == notApplied {
		return errFault
	}
	delete(d.files, name)
	if bad != noFault {
		return errFault
	}
	return nil
}

func (d *memFiles) list() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.files)), nil
}

func (d *memFiles) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	bad := d.fault("syncdir", "")
	if bad != notApplied {
		d.durable = maps.Clone(d.files)
	}
	if bad != noFault {
		return errFault
	}
	return nil
}

// crash is the directory as a machine finds it after the power failed: of what
// was not synced, any part may be there.
func (d *memFiles) crash(r *rand.Rand) *memFiles {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := maps.Clone(d.durable)
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if r.IntN(2) == 0 {
			names[name] = d.files[name]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.durable)) {
		if d.files[name] == nil && r.IntN(2) == 0 {
			delete(names, name)
		}
	}
	after := newMemFiles()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := &memFile{dir: after, name: name, data: names[name].afterCrash(r)}
		f.synced = slices.Clone(f.data)
		after.files[name] = f
	}
	after.durable = maps.Clone(after.files)
	return after
}

// killed is the directory as the next process finds it after this one was killed.
func (d *memFiles) killed() *memFiles {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemFiles()
	for name, f := range d.files {
		after.files[name] = &memFile{dir: after, name: name, data: slices.Clone(f.data), synced: slices.Clone(f.synced), since: slices.Clone(f.since), lost: f.lost}
	}
	for name := range d.durable {
		if f := after.files[name]; f != nil {
			after.durable[name] = f
		}
	}
	return after
}

func (f *memFile) afterCrash(r *rand.Rand) []byte {
	data := slices.Clone(f.synced)
	for _, c := range f.since {
		switch p := r.IntN(4); {
		case p == 0 && c.data != nil: // torn
			data = apply(data, change{c.off, c.data[:r.IntN(len(c.data)+1)]})
		case p < 3:
			data = apply(data, c)
		}
	}
	return data
}

func apply(data []byte, c change) []byte {
	end := c.off + int64(len(c.data))
	if c.data == nil {
		if c.off < int64(len(data)) {
			return data[:c.off]
		}
		end = c.off
	}
	if grow := end - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[c.off:], c.data)
	return data
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	if f.dir.fault("read", f.name) != noFault {
		return 0, errFault
	}
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	f.dir.reads[f.name] += n
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	d := f.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	bad, n := d.fault("write", f.name), len(p)
	switch {
	case bad == notApplied:
		return 0, errFault
	case bad == torn:
		n /= 2
	}
	full := false
	if d.capacity > 0 {
		if room := d.capacity - d.used() + max(f.room, int64(len(f.data))) - off; int64(n) > room {
			n, full = int(max(room, 0)), true
		}
	}
	c := change{off, append([]byte{}, p[:n]...)}
	f.data, f.since = apply(f.data, c), append(f.since, c)
	d.writes[f.name]++
	if full {
		return n, fmt.Errorf("write: %w", syscall.ENOSPC)
	}
	if bad != noFault {
		return n, errFault
	}
	return n, nil
}

func (f *memFile) Allocate(off, n int64) error {
	d := f.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !d.allocate:
		return errors.ErrUnsupported
	case d.fault("allocate", f.name) != noFault:
		return errFault
	case d.capacity > 0 && d.used()-max(f.room, int64(len(f.data)))+off+n > d.capacity:
		return fmt.Errorf("allocate: %w", syscall.ENOSPC)
	}
	f.room = max(f.room, off+n)
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	bad := f.dir.fault("truncate", f.name)
	if bad == notApplied {
		return errFault
	}
	f.room = 0
	c := change{off: size}
	f.data, f.since = apply(f.data, c), append(f.since, c)
	if bad != noFault {
		return errFault
	}
	return nil
}

func (f *memFile) Sync() error {
	d := f.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	bad := d.fault("sync", f.name)
	if bad == notApplied {
		f.lost = true
		return errFault
	}
	if !f.lost {
		f.synced, f.since = slices.Clone(f.data), nil
	}
	if bad != noFault {
		return errFault
	}
	return nil
}

func (f *memFile) Close() error { return nil }
