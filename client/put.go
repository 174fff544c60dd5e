package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/whypfs/whypfs/node"
)

// A Put uploads one file, or one directory as one DAG. It needs no collection.
type Put struct {
	Client     *Client
	Local      string
	Name       string // at the host; "": the local one
	Collection string // UUID; "": none; for a file only
	Dir        string // in it
	// State is a folder where the beginning of an upload is noted until its end
	// is: one that was killed may be done, and is not done twice then.
	State string
	// Total is told how many bytes there are, once that is known.
	Total func(bytes int64)
	// Hashed, if not nil, is told of bytes that are read to know a directory's root.
	Hashed func(n int64)
	// Root is told the root of a directory, before it is sent.
	Root func(root CID, size int64)
	// Skip is told of what is neither a file nor a directory.
	Skip func(path string)
}

// A Result is what was uploaded.
type Result struct {
	CID   CID    `json:"cid"`
	ID    uint64 `json:"id"`
	Name  string `json:"name"`
	Size  int64  `json:"size"`  // in files
	Files int    `json:"files"` // in it
	URL   string `json:"url"`
}

func (p Put) name() (string, error) {
	if p.Name != "" {
		return p.Name, nil
	}
	abs, err := filepath.Abs(p.Local)
	return filepath.Base(abs), err
}

// journal opens the note of this upload.
func (p Put) journal() (*Journal, error) {
	abs, err := filepath.Abs(p.Local)
	if err != nil {
		return nil, err
	}
	return OpenJournal(JournalDir(p.State, "put", p.Client.host.URL, p.Collection, p.Dir, abs))
}

// Reader uploads what can be read once, a pipe say.
func (p Put) Reader(ctx context.Context, r io.Reader) (Result, error) {
	open := func() (io.ReadCloser, int64, error) { return io.NopCloser(r), -1, nil }
	added, sum, err := p.Client.Add(ctx, Upload{Name: p.Name, Open: open, Once: true, Collection: p.Collection, Dir: p.Dir})
	return p.result(p.Name, added, sum, err)
}

func (p Put) result(name string, added Added, sum node.Sum, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	return Result{CID: added.CID, ID: added.ID, Name: name, Size: sum.Size, Files: 1, URL: p.Client.Link(added.CID.Cid, "")}, nil
}

// File uploads a file.
func (p Put) File(ctx context.Context) (res Result, err error) {
	name, err := p.name()
	if err != nil {
		return res, err
	}
	info, err := os.Stat(p.Local)
	if err != nil {
		return res, err
	}
	if !info.Mode().IsRegular() {
		return res, fmt.Errorf("%w: %s is neither a file nor a directory", ErrUsage, p.Local)
	}
	p.Total(info.Size())
	row := Row{Path: name, Size: info.Size(), Mtime: info.ModTime().UnixNano(), Begun: true}
	err = p.noted(row, func(perhaps bool) error {
		added, sum, err := p.Client.Add(ctx, Upload{Name: name, Open: p.open, Collection: p.Collection, Dir: p.Dir,
			Perhaps: perhaps})
		res, err = p.result(name, added, sum, err)
		return err
	})
	return res, err
}

func (p Put) open() (io.ReadCloser, int64, error) {
	f, err := os.Open(p.Local)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// noted runs upload with a note that it has begun; perhaps says that there was
// one of the same already.
func (p Put) noted(row Row, upload func(perhaps bool) error) error {
	j, err := p.journal()
	if err != nil {
		return err
	}
	before, ok := j.Row(row.Path)
	perhaps := ok && before.Size == row.Size && before.Mtime == row.Mtime && before.CID == row.CID
	if err := j.Put(row); err != nil {
		return errors.Join(err, j.Close())
	}
	if err := upload(perhaps); err != nil {
		return errors.Join(err, j.Close())
	}
	return j.Discard()
}

// readings is how often a directory that changes while it is read is read anew.
const readings = 3

// DAG uploads a directory as one DAG, whose root is its CID: a CAR that is made
// of the files while it is sent. The host has all of it, or nothing.
func (p Put) DAG(ctx context.Context) (res Result, err error) {
	name, err := p.name()
	if err != nil {
		return res, err
	}
	for try := 1; ; try++ {
		res, err = p.dag(ctx, name)
		if try == readings || !errors.Is(err, errChanged) {
			return res, err
		}
		p.Client.opt.Retry(err, 0)
	}
}

func (p Put) dag(ctx context.Context, name string) (res Result, err error) {
	hashed := p.Hashed
	if hashed == nil {
		hashed = func(int64) {}
	}
	d, err := ScanDAG(ctx, p.Local, hashed)
	if err != nil {
		return res, err
	}
	for _, path := range d.Skipped {
		p.Skip(path)
	}
	p.Root(CID{d.Root}, d.Bytes)
	p.Total(d.Size)
	row := Row{Path: name, Size: d.Size, CID: CID{d.Root}, Begun: true}
	err = p.noted(row, func(perhaps bool) error {
		added, err := p.Client.AddCAR(ctx, name, d.Root, d.Size, perhaps, func() io.ReadCloser { return d.Open(ctx) })
		res = Result{CID: added.CID, ID: added.ID, Name: name, Size: d.Bytes, Files: d.Files, URL: p.Client.Link(added.CID.Cid, "")}
		return err
	})
	return res, err
}
