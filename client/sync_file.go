package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/whypfs/whypfs/node"
)

// journalError is a failure to keep what was done, which ends a Sync.
type journalError struct{ error }

func (e journalError) Unwrap() error { return e.error }

// bring brings one file to the host.
func (r *syncing) bring(ctx context.Context, f localFile) error {
	name := filepath.Join(r.Local, filepath.FromSlash(f.path))
	read := time.Now()
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has gone; the next run deletes it there
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errChanged
	}
	row := Row{Path: f.path, Size: info.Size(), Mtime: settled(info, read)}
	if r.alone(info.Size()) {
		_, err := r.upload(ctx, row, name)
		return err
	}
	sum, err := hashFile(ctx, name)
	if err != nil {
		return err
	}
	if e, there := r.remote[f.path]; there && e.CID.Defined() && sum.Has(e.CID.Cid) {
		return r.adopt(ctx, row, e)
	}
	e, there, err := r.claim(ctx, sum)
	switch {
	case err != nil:
		return err
	case there:
		return r.link(ctx, row, name, e)
	}
	if e, err = r.upload(ctx, row, name); r.DryRun {
		e.CID = CID{sum.Root}
	}
	r.landed(sum, e)
	return err
}

func hashFile(ctx context.Context, name string) (node.Sum, error) {
	f, err := os.Open(name)
	if err != nil {
		return node.Sum{}, err
	}
	defer f.Close()
	return node.NewBuilder(nil).File(ctx, f)
}

// adopt takes note of a file that the host has at its place, because it was
// only touched, or the process ended before the answer was kept.
func (r *syncing) adopt(ctx context.Context, row Row, e Entry) error {
	r.c.opt.Progress(row.Size)
	before, _ := r.Journal.Row(row.Path)
	row.CID, row.ID = e.CID, e.ID
	row.Made = before.Begun && before.Prev != e.ID || before.Made && before.ID == e.ID || slices.Contains(before.Old, e.ID)
	row.Old = before.Old
	r.mu.Lock()
	r.report.Unchanged++
	r.mu.Unlock()
	if err := r.keep(row); err != nil || len(row.Old) == 0 || r.DryRun {
		return err
	}
	return r.removeOld(ctx, row)
}

func (r *syncing) keep(row Row) error {
	if r.DryRun {
		return nil
	}
	if err := r.Journal.Put(row); err != nil {
		return journalError{err}
	}
	return nil
}

// begin takes note that the host may have a new content from now on, and
// returns the contents of ours that it takes the place of.
func (r *syncing) begin(row Row) (old []uint64, err error) {
	before, _ := r.Journal.Row(row.Path)
	e, there := r.remote[row.Path]
	if r.Bucket {
		return nil, r.keep(Row{Path: row.Path, Begun: true, Prev: e.ID})
	}
	old = before.Old
	ours := before.Made && before.ID == e.ID || before.Begun && before.Prev != e.ID
	if there && ours && !slices.Contains(old, e.ID) {
		old = append(slices.Clone(old), e.ID)
	}
	return old, r.keep(Row{Path: row.Path, Begun: true, Prev: e.ID, Old: old})
}

// upload sends a file, and returns where it is then.
func (r *syncing) upload(ctx context.Context, row Row, name string) (Entry, error) {
	change := Change{Action: Uploaded, Path: row.Path, Size: row.Size}
	if r.DryRun {
		r.add(change)
		return Entry{}, nil
	}
	old, err := r.begin(row)
	if err != nil {
		return Entry{}, err
	}
	var before os.FileInfo
	open := func() (io.ReadCloser, int64, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, 0, err
		}
		if before, err = f.Stat(); err != nil {
			return nil, 0, errors.Join(err, f.Close())
		}
		return f, before.Size(), nil
	}
	read := time.Now()
	added, sum, err := r.c.Add(ctx, Upload{Name: path.Base(row.Path), Open: open, Collection: r.Collection, Dir: r.remoteDir(row.Path)})
	if err != nil {
		return Entry{}, err
	}
	row.Size, row.Mtime, row.Made, row.Old = sum.Size, settled(before, read), true, old
	if now, err := os.Lstat(name); err != nil || !now.ModTime().Equal(before.ModTime()) || now.Size() != before.Size() {
		row.Mtime = 0 // it was changed meanwhile
	}
	return Entry{CID: added.CID, ID: added.ID, Size: sum.Size}, r.done(ctx, row, added.CID, added.ID, change)
}

// done keeps what the host has acknowledged, and removes what it replaces.
func (r *syncing) done(ctx context.Context, row Row, c CID, id uint64, change Change) error {
	row.CID, row.ID = c, id
	if err := r.keep(row); err != nil {
		return err
	}
	change.CID, change.ID, change.Size = c, id, row.Size
	r.add(change)
	if len(row.Old) == 0 {
		return nil
	}
	return r.removeOld(ctx, row)
}

func (r *syncing) remoteDir(rel string) string { return path.Join(r.report.Dir, path.Dir(rel)) }

// link has the host give a place to bytes that it has at e. A host that then
// does not find them gets them.
func (r *syncing) link(ctx context.Context, row Row, name string, e Entry) error {
	change := Change{Action: Linked, Path: row.Path, Size: row.Size}
	if r.DryRun {
		r.add(change)
		return nil
	}
	old, err := r.begin(row)
	if err != nil {
		return err
	}
	id, err := r.linked(ctx, row.Path, e)
	if err != nil {
		return err
	}
	if id == 0 {
		_, err := r.upload(ctx, row, name)
		return err
	}
	r.c.opt.Progress(row.Size)
	row.Made, row.Old = true, old
	return r.done(ctx, row, e.CID, id, change)
}

// linked returns the content of a new place, or 0 if the host could not make it.
func (r *syncing) linked(ctx context.Context, rel string, e Entry) (uint64, error) {
	p, err := r.c.link(ctx, e.CID.Cid, path.Base(rel), r.Collection, r.remoteDir(rel))
	if noRoute(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	p, err = r.c.pinned(ctx, p)
	if err != nil {
		return 0, err
	}
	if p.Status == "pinned" {
		return p.content()
	}
	id, err := p.id()
	if err != nil {
		return 0, err
	}
	if err := r.c.Remove(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
		return 0, fmt.Errorf("remove pin %d, which did not come: %w", id, err)
	}
	return 0, nil
}
