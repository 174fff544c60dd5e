package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
)

// A DAG is a local directory as UnixFS, profile unixfs-v1-2025.
type DAG struct {
	Root    cid.Cid
	Size    int64 // of its CAR
	Files   int
	Bytes   int64    // in files
	Skipped []string // what is neither a file nor a directory
	dir     string
}

// ScanDAG reads a directory once, to know its root and the size of its CAR,
// which a CAR's header and its upload begin with; File.Open reads it again.
// hashed is told of bytes.
func ScanDAG(ctx context.Context, dir string, hashed func(int64)) (*DAG, error) {
	d := &DAG{dir: dir}
	s := newScan(func(c cid.Cid, data []byte) error {
		d.Size += car.SectionSize(c, len(data))
		return nil
	})
	s.file = func(size int64) {
		d.Files++
		d.Bytes += size
		hashed(size)
	}
	s.skip = func(path string) { d.Skipped = append(d.Skipped, path) }
	root, err := s.dir(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	d.Root = root.Root
	d.Size += int64(len(car.Header(d.Root)))
	return d, nil
}

// Open reads the directory again, as a CAR. If it has changed the reading fails
// before its end.
func (d *DAG) Open(ctx context.Context) io.ReadCloser {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		w.CloseWithError(d.write(ctx, w))
	}()
	return &carStream{r, cancel}
}

type carStream struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (s *carStream) Close() error {
	s.cancel()
	return s.PipeReader.Close()
}

func (d *DAG) write(ctx context.Context, to io.Writer) error {
	w := bufio.NewWriterSize(to, 1<<18)
	if _, err := w.Write(car.Header(d.Root)); err != nil {
		return err
	}
	left := d.Size - int64(len(car.Header(d.Root)))
	var last []byte // the root's block, the last one, is held until it is sure that it is the root's
	s := newScan(func(c cid.Cid, data []byte) error {
		if left -= car.SectionSize(c, len(data)); left < 0 {
			return permanent{fmt.Errorf("%s: %w", d.dir, errChanged)}
		}
		if c.Equals(d.Root) {
			last = append(car.SectionHead(c, len(data)), data...)
			return nil
		}
		if _, err := w.Write(car.SectionHead(c, len(data))); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	})
	root, err := s.dir(ctx, d.dir)
	switch {
	case err != nil:
		return permanent{err}
	case !root.Root.Equals(d.Root) || left != 0:
		return permanent{fmt.Errorf("%s: %w", d.dir, errChanged)}
	}
	if _, err := w.Write(last); err != nil {
		return err
	}
	return w.Flush()
}

// A scan makes a DAG of a directory. Each block is put once: what the same
// directory is put as, and how much that is, are a function of what is in it.
type scan struct {
	b    *node.Builder
	seen map[string]struct{}
	file func(size int64)
	skip func(path string)
}

func newScan(put func(c cid.Cid, data []byte) error) *scan {
	s := &scan{seen: map[string]struct{}{}, file: func(int64) {}, skip: func(string) {}}
	s.b = node.NewBuilder(func(c cid.Cid, data []byte) error {
		if _, ok := s.seen[string(c.Hash())]; ok {
			return nil
		}
		s.seen[string(c.Hash())] = struct{}{}
		return put(c, data)
	})
	return s
}

func (s *scan) dir(ctx context.Context, dir string) (node.DirEntry, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return node.DirEntry{}, err
	}
	entries := make([]node.DirEntry, 0, len(list))
	for _, item := range list {
		e, ok, err := s.entry(ctx, filepath.Join(dir, item.Name()), item)
		if err != nil {
			return node.DirEntry{}, err
		}
		if ok {
			e.Name = item.Name()
			entries = append(entries, e)
		}
	}
	return s.b.Dir(ctx, entries)
}

func (s *scan) entry(ctx context.Context, path string, item fs.DirEntry) (node.DirEntry, bool, error) {
	switch {
	case item.IsDir():
		e, err := s.dir(ctx, path)
		return e, true, err
	case !item.Type().IsRegular():
		s.skip(path)
		return node.DirEntry{}, false, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return node.DirEntry{}, false, fmt.Errorf("%s: %w", path, errChanged)
	}
	if err != nil {
		return node.DirEntry{}, false, err
	}
	defer f.Close()
	sum, err := s.b.File(ctx, f)
	if err != nil {
		return node.DirEntry{}, false, fmt.Errorf("%s: %w", path, err)
	}
	s.file(sum.Size)
	return sum.DirEntry, true, nil
}
