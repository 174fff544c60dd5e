package client

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
)

// A Sync makes a directory of a collection have what a local directory has.
type Sync struct {
	Client     *Client
	Local      string
	Collection string // UUID
	// Bucket says that the collection is a bucket, whose own rules say what
	// becomes of an object that is replaced or deleted.
	Bucket  bool
	Dir     string // in the collection; "": its root
	Journal *Journal
	Delete  bool // what is there and not here goes
	DryRun  bool // nothing changes; Changes are what would
	// Total is told how much there is to send, once that is known.
	Total func(files int, bytes int64)
}

// What a Change says was done.
const (
	Uploaded = "uploaded" // its bytes were sent
	Linked   = "linked"   // the host had its bytes
	Deleted  = "deleted"
	Skipped  = "skipped" // neither file nor directory
	Failed   = "failed"
)

// A Change is what was done with one path.
type Change struct {
	Action string `json:"action"`
	Path   string `json:"path"` // from the local directory
	CID    CID    `json:"cid"`
	ID     uint64 `json:"id,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Error  string `json:"error,omitempty"`
}

// A Report is what a Sync did.
type Report struct {
	Collection string   `json:"collection"`
	Dir        string   `json:"dir"`
	Files      int      `json:"files"` // here
	Unchanged  int      `json:"unchanged"`
	Uploaded   int      `json:"uploaded"`
	Linked     int      `json:"linked"`
	Deleted    int      `json:"deleted"`
	Failed     int      `json:"failed"`
	Bytes      int64    `json:"bytes"` // uploaded
	Changes    []Change `json:"changes"`
}

// syncing is one run of a Sync.
type syncing struct {
	Sync
	c      *Client
	remote map[string]Entry // by path from Dir
	uses   map[uint64]int   // of contents, in the whole collection
	claims

	mu     sync.Mutex // guards the rest
	report Report
	first  error
}

// Run does it. What fails for one file does not stop the others; then the
// error is ErrPartial, and nothing is deleted.
func (s Sync) Run(ctx context.Context) (Report, error) {
	r := &syncing{Sync: s, c: s.Client, report: Report{Collection: s.Collection, Dir: path.Clean("/" + s.Dir), Changes: []Change{}}}
	err := r.run(ctx)
	slices.SortFunc(r.report.Changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	if err == nil && r.report.Failed > 0 {
		err = fmt.Errorf("%w: %d of %d files failed, the first with: %w", ErrPartial, r.report.Failed, r.report.Files, r.first)
	}
	return r.report, err
}

func (r *syncing) run(ctx context.Context) error {
	files, err := walk(r.Local, func(p string, err error) { r.fail(p, err) },
		func(p string) { r.add(Change{Action: Skipped, Path: p}) })
	if err != nil {
		return err
	}
	r.report.Files = len(files)
	if err := r.ask(ctx); err != nil {
		return fmt.Errorf("list collection %s: %w", r.Collection, err)
	}
	if r.Delete && len(files) == 0 && len(r.remote) > 0 {
		return fmt.Errorf("%w: %s has no files, so all %d files in the collection would be deleted; `whypfs rm` does that", ErrUsage, r.Local, len(r.remote))
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	todo := r.changed(files)
	if err := r.each(ctx, todo); err != nil {
		return err
	}
	if r.Delete && r.report.Failed == 0 {
		return r.delete(ctx, files)
	}
	return nil
}

// ask asks the host what it has.
func (r *syncing) ask(ctx context.Context) error {
	r.remote, r.uses, r.claims = map[string]Entry{}, map[uint64]int{}, newClaims()
	list, err := r.c.Tree(ctx, r.Collection)
	if err != nil {
		return err
	}
	empty, err := emptyFile(ctx)
	if err != nil {
		return err
	}
	prefix := strings.TrimSuffix(r.report.Dir, "/") + "/"
	for _, e := range list {
		if e.Dir {
			continue
		}
		r.uses[e.ID]++
		r.has(e, empty)
		if rel, ok := strings.CutPrefix(e.Path, prefix); ok && rel != "" && r.remote[rel].ID <= e.ID {
			r.remote[rel] = e
		}
	}
	return nil
}

// finish removes contents that were replaced before an interruption.
func (r *syncing) finish(ctx context.Context) error {
	for _, row := range r.Journal.Rows() {
		if len(row.Old) > 0 && !row.Begun && !r.DryRun {
			if err := r.removeOld(ctx, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeOld removes the contents that a row's has taken the place of, but for
// those that the collection has elsewhere too.
func (r *syncing) removeOld(ctx context.Context, row Row) error {
	for _, old := range row.Old {
		elsewhere := r.uses[old]
		if r.remote[row.Path].ID == old {
			elsewhere--
		}
		if old == row.ID || elsewhere > 0 {
			continue
		}
		if err := r.c.Remove(ctx, old); err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("remove content %d, which %s had before: %w", old, row.Path, err)
		}
	}
	row.Old = nil
	return r.keep(row)
}

// changed are the files that the host has not, as far as their sizes and times tell.
func (r *syncing) changed(files []localFile) (todo []localFile) {
	bytes := int64(0)
	for _, f := range files {
		row, ok := r.Journal.Row(f.path)
		e, there := r.remote[f.path]
		if ok && there && !row.Begun && row.Mtime != 0 && row.Size == f.size && row.Mtime == f.mtime && e.CID.Equals(row.CID.Cid) {
			r.report.Unchanged++
			continue
		}
		todo = append(todo, f)
		bytes += f.size
		r.sizes[f.size]++
	}
	if r.Total != nil {
		r.Total(len(todo), bytes)
	}
	return todo
}

// each brings files to the host, some at once.
func (r *syncing) each(ctx context.Context, todo []localFile) error {
	g, working := limited(ctx, r.c.opt.Jobs)
	for _, f := range todo {
		if working.Err() != nil {
			break
		}
		g.Go(func() error {
			err := r.bring(working, f)
			switch {
			case err == nil:
				return nil
			case working.Err() != nil:
				return context.Cause(working)
			case errors.Is(err, ErrDenied), errors.Is(err, ErrUnreachable), errors.As(err, new(journalError)):
				return err // so will the others
			}
			r.fail(f.path, err)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// delete removes from the collection what is not here.
func (r *syncing) delete(ctx context.Context, files []localFile) error {
	here := make(map[string]bool, len(files))
	for _, f := range files {
		here[f.path] = true
	}
	for rel, e := range r.remote {
		if here[rel] {
			continue
		}
		if err := r.deleteOne(ctx, rel, e); err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrDenied) {
				return fmt.Errorf("delete %s: %w", rel, err)
			}
			r.fail(rel, err)
			continue
		}
		r.add(Change{Action: Deleted, Path: rel, CID: e.CID, ID: e.ID, Size: e.Size})
	}
	return nil
}

func (r *syncing) deleteOne(ctx context.Context, rel string, e Entry) error {
	if r.uses[e.ID] > 1 {
		return fmt.Errorf("content %d stands at other paths of the collection too, and V1 takes it from all of them or none", e.ID)
	}
	if r.DryRun {
		return nil
	}
	if err := r.c.Detach(ctx, r.Collection, e.ID); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	row, _ := r.Journal.Row(rel)
	if row.Made && row.ID == e.ID && !r.Bucket {
		if err := r.c.Remove(ctx, e.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return r.Journal.Put(Row{Path: rel, Gone: true})
}

func (r *syncing) fail(p string, err error) {
	r.add(Change{Action: Failed, Path: p, Error: err.Error()})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == nil {
		r.first = fmt.Errorf("%s: %w", p, err)
	}
}

func (r *syncing) add(c Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch c.Action {
	case Uploaded:
		r.report.Uploaded++
		r.report.Bytes += c.Size
	case Linked:
		r.report.Linked++
	case Deleted:
		r.report.Deleted++
	case Failed:
		r.report.Failed++
	}
	r.report.Changes = append(r.report.Changes, c)
}
