package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/internal/durable"
	"github.com/whypfs/whypfs/node"
)

// Got is what Get did.
type Got struct {
	CID      CID      `json:"cid"`
	Path     string   `json:"path"` // the local file or directory
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`   // in them
	Kept     int      `json:"kept"`    // files that were here already, and right
	Skipped  []string `json:"skipped"` // symbolic links, and what is no UnixFS
	Verified bool     `json:"verified"`
}

// Stream writes the file under root to w, every byte checked before. From a
// gateway that sends no blocks the check comes with the last byte.
func (c *Client) Stream(ctx context.Context, root cid.Cid, w io.Writer) (n int64, verified bool, err error) {
	at := int64(0)
	out := &landing{w: w, at: &at, progress: c.progressOnce()}
	err = c.read(ctx, root, &at, func(ctx context.Context, o *node.Outside) error {
		_, err := o.WriteFile(ctx, out, root, at)
		return err
	})
	if !errors.Is(err, errNoCAR) {
		return at, err == nil, err
	}
	r, p := io.Pipe()
	sum := make(chan node.Sum, 1)
	go func() {
		s, err := node.NewBuilder(nil).File(ctx, r)
		r.CloseWithError(err)
		sum <- s
	}()
	out.w = io.MultiWriter(w, p)
	err = c.plain(ctx, root, &at, out)
	p.CloseWithError(err) // nil is io.EOF
	if s := <-sum; err == nil {
		verified, err = c.check(root, s)
	}
	return at, verified, err
}

// landing is where verified bytes go; at counts them.
type landing struct {
	w        io.Writer
	at       *int64
	progress func(at int64)
}

func (l *landing) Write(p []byte) (int, error) {
	n, err := l.w.Write(p)
	*l.at += int64(n)
	l.progress(*l.at)
	if err != nil {
		err = localError{err}
	}
	return n, err
}

// plain fetches a file as it is, from *from on, and goes on where an answer breaks off.
func (c *Client) plain(ctx context.Context, root cid.Cid, from *int64, w io.Writer) error {
	cl := call{method: "GET", path: "/gw/ipfs/" + root.String()}
	return c.resume(ctx, cl, from, func(before int64) error {
		cl.header = http.Header{"Accept": {"*/*"}}
		if before > 0 {
			cl.header.Set("Range", "bytes="+strconv.FormatInt(before, 10)+"-")
		}
		err := c.try(ctx, cl, func(res *http.Response) error {
			if before > 0 && res.StatusCode != http.StatusPartialContent {
				if _, err := io.CopyN(io.Discard, res.Body, before); err != nil {
					return err
				}
			}
			_, err := io.Copy(w, res.Body)
			return foreign(err)
		})
		var a answered
		if before > 0 && errors.As(err, &a) && a.err.Status == http.StatusRequestedRangeNotSatisfiable {
			return nil // there is nothing behind what has come
		}
		return err
	})
}

// check compares what came as it is with its CID.
func (c *Client) check(root cid.Cid, sum node.Sum) (bool, error) {
	if sameBlock(root, sum.Root) || sameBlock(root, sum.V1) {
		return true, nil
	}
	if c.opt.NoVerify {
		return false, nil
	}
	return false, fmt.Errorf("%s: %w: its bytes make %s; %w, and a file that was imported in another way cannot be checked at all", root, ErrVerify, sum.Root, errNoCAR)
}

// Get fetches the file or directory under root to a path. A file appears there
// when it is whole and verified. What an interruption leaves is gone on with:
// of a file its beginning, of a directory the files that are there.
func (c *Client) Get(ctx context.Context, root cid.Cid, to string) (Got, error) {
	got := Got{CID: CID{root}, Path: to, Skipped: []string{}, Verified: true}
	kind, err := c.Kind(ctx, root)
	if errors.Is(err, errNoCAR) {
		kind, err = node.KindFile, nil // if it is none, the check finds it out
	}
	if err != nil {
		return got, err
	}
	g := &getting{c: c, got: &got}
	g.group, ctx = limited(ctx, c.opt.Jobs)
	switch kind {
	case node.KindFile:
		err = g.file(ctx, root, to)
	case node.KindDir:
		err = g.dir(ctx, root, to)
		if failed := g.group.Wait(); failed != nil {
			err = failed // it has ended the rest
		}
	default:
		err = fmt.Errorf("%s is neither a UnixFS file nor a directory: %w", root, ErrUsage)
	}
	return got, err
}

// GetTree fetches files of a collection into a directory; paths are from it.
func (c *Client) GetTree(ctx context.Context, files map[string]cid.Cid, to string) (Got, error) {
	got := Got{Path: to, Skipped: []string{}, Verified: true}
	g := &getting{c: c, got: &got}
	g.group, ctx = limited(ctx, c.opt.Jobs)
	for rel, root := range files {
		at, err := inside(to, rel)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(at), 0o777)
		}
		if err != nil {
			return got, errors.Join(err, g.group.Wait())
		}
		g.group.Go(func() error { return g.file(ctx, root, at) })
	}
	return got, g.group.Wait()
}

func limited(ctx context.Context, jobs int) (*errgroup.Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	return g, ctx
}

// inside joins a foreign path to a local one that it may not leave.
func inside(dir, rel string) (string, error) {
	if !filepath.IsLocal(filepath.FromSlash(rel)) || strings.ContainsAny(rel, "\x00\\") {
		return "", fmt.Errorf("%q would leave %s: %w", cut(rel), dir, ErrVerify)
	}
	return filepath.Join(dir, filepath.FromSlash(rel)), nil
}

// matches says whether a local file is the one under root.
func matches(ctx context.Context, path string, root cid.Cid) (int64, bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	sum, err := hashFile(ctx, path)
	return sum.Size, err == nil && (sameBlock(root, sum.Root) || sameBlock(root, sum.V1))
}

const syncEvery = 64 << 20

// A part is a file that has not all come. Beside it stands how much of it is
// on the disk for certain: a power cut may leave it longer than that.
type part struct {
	f      *os.File
	path   string
	at     int64
	synced int64
}

func openPart(target string, root cid.Cid) (*part, error) {
	id := root.String()
	p := &part{path: target + "." + id[max(0, len(id)-12):] + ".part"}
	if text, err := os.ReadFile(p.lengthPath()); err == nil {
		p.at, _ = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	}
	f, err := os.OpenFile(p.path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Size() < p.at || p.at < 0 {
		p.at = 0
	}
	if err := f.Truncate(p.at); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.f, p.synced = f, p.at
	return p, nil
}

func (p *part) lengthPath() string { return p.path + ".length" }

// Write appends, though at is moved by the landing that writes here.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.f.WriteAt(b, p.at)
	if err == nil && p.at+int64(n) >= p.synced+syncEvery {
		err = p.keep(p.at + int64(n))
	}
	return n, err
}

// keep makes n bytes certain.
func (p *part) keep(n int64) error {
	if err := p.f.Sync(); err != nil {
		return err
	}
	p.synced = n
	return durable.WriteFile(p.lengthPath(), []byte(strconv.FormatInt(n, 10)), 0o600)
}

// small is a file that costs less to fetch again than to wait for the disk.
const small = 1 << 20

// move gives the file its name. A power cut may take a small one back, which
// the next Get finds out, as it compares what is here.
func (p *part) move(target string) error {
	if p.at > small {
		if err := p.f.Sync(); err != nil {
			return errors.Join(err, p.f.Close())
		}
	}
	if err := p.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(p.path, target); err != nil {
		return err
	}
	if err := os.Remove(p.lengthPath()); err != nil && !os.IsNotExist(err) {
		return err
	}
	if p.at <= small {
		return nil
	}
	return durable.SyncDir(filepath.Dir(target))
}

// leave keeps what has come for the next time.
func (p *part) leave() error {
	if p.at == 0 {
		return errors.Join(p.f.Close(), os.Remove(p.path))
	}
	return errors.Join(p.keep(p.at), p.f.Close())
}

// remove removes what turned out wrong.
func (p *part) remove() error {
	err := errors.Join(p.f.Close(), os.Remove(p.path))
	if e := os.Remove(p.lengthPath()); e != nil && !os.IsNotExist(e) {
		err = errors.Join(err, e)
	}
	return err
}
