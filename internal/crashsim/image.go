package crashsim

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const pageSize = 4096

// A File is sparse: pages that are not there are zeros.
type File struct {
	Size  int64
	pages map[int64][]byte
}

// Bytes returns all of the file.
func (f *File) Bytes() []byte {
	b := make([]byte, f.Size)
	for at, page := range f.pages {
		if at*pageSize < f.Size {
			copy(b[at*pageSize:], page)
		}
	}
	return b
}

// page is one to write to.
func (f *File) page(at int64) []byte {
	p := f.pages[at]
	if p == nil {
		p = make([]byte, pageSize)
		f.pages[at] = p
	}
	return p
}

// put writes data, but only to the sectors that take says.
func (f *File) put(off int64, data []byte, sector int64, take func(sector int64) bool) {
	for len(data) > 0 {
		at := off / sector
		n := min(int64(len(data)), (at+1)*sector-off)
		if take(at) {
			copy(f.page(off / pageSize)[off%pageSize:], data[:n])
		}
		data, off = data[n:], off+n
	}
}

// cut zeroes what is behind size, in the sectors that take says.
func (f *File) cut(size int64, sector int64, take func(sector int64) bool) {
	var pages []int64
	for at := range f.pages {
		if (at+1)*pageSize > size {
			pages = append(pages, at)
		}
	}
	slices.Sort(pages) // take draws from a seed
	for _, at := range pages {
		page := f.pages[at]
		for in := int64(0); in < pageSize; in += sector {
			off := at*pageSize + in
			if off+sector > size && take(off/sector) {
				clear(page[max(in, size-at*pageSize) : in+sector])
			}
		}
	}
}

// An Image is what a directory holds. Names are paths below it; a nil file is a directory.
type Image map[string]*File

// Write makes the image in dir, which is empty.
func (m Image) Write(dir string) error {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names) // a directory comes before what is in it
	for _, name := range names {
		path := filepath.Join(dir, name)
		f := m[name]
		if f == nil {
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			continue
		}
		if err := f.write(path); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) write(path string) error {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	for at, page := range f.pages {
		if rest := f.Size - at*pageSize; rest > 0 {
			if _, err := w.WriteAt(page[:min(rest, pageSize)], at*pageSize); err != nil {
				w.Close()
				return err
			}
		}
	}
	if err := w.Truncate(f.Size); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}
