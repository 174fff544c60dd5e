package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"

	"github.com/whypfs/whypfs/node"
)

// getting is one Get.
type getting struct {
	c     *Client
	group *errgroup.Group // of files

	mu  sync.Mutex
	got *Got // guarded by mu
}

func (g *getting) note(fn func(*Got)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fn(g.got)
}

// file fetches one file, unless it is there.
func (g *getting) file(ctx context.Context, root cid.Cid, to string) error {
	if size, ok := matches(ctx, to, root); ok {
		g.c.opt.Progress(size)
		g.note(func(got *Got) { got.Files++; got.Kept++; got.Bytes += size })
		return nil
	}
	p, err := openPart(to, root)
	if err != nil {
		return err
	}
	g.c.opt.Progress(p.at)
	begun := p.at
	out := &landing{w: p, at: &p.at, progress: func(at int64) {
		if at > begun {
			g.c.opt.Progress(at - begun)
			begun = at
		}
	}}
	verified := true
	err = g.c.read(ctx, root, &p.at, func(ctx context.Context, o *node.Outside) error {
		_, err := o.WriteFile(ctx, out, root, p.at)
		return err
	})
	if errors.Is(err, errNoCAR) {
		verified, err = g.plain(ctx, root, p, out)
	}
	switch {
	case errors.Is(err, ErrVerify) && !verified:
		err = errors.Join(err, p.remove())
	case err != nil:
		err = errors.Join(err, p.leave())
	default:
		size := p.at
		if err = p.move(to); err == nil {
			g.note(func(got *Got) { got.Files++; got.Bytes += size; got.Verified = got.Verified && verified })
		}
	}
	if err != nil {
		return fmt.Errorf("get %s: %w", to, err)
	}
	return nil
}

// plain fetches a file whose blocks the gateway does not send, and hashes what
// has come on the disk.
func (g *getting) plain(ctx context.Context, root cid.Cid, p *part, out io.Writer) (bool, error) {
	if err := g.c.plain(ctx, root, &p.at, out); err != nil {
		return true, err // of what has come nothing is known to be wrong
	}
	if _, err := p.f.Seek(0, io.SeekStart); err != nil {
		return true, err
	}
	sum, err := node.NewBuilder(nil).File(ctx, p.f)
	if err != nil {
		return true, err
	}
	return g.c.check(root, sum)
}

// dir fetches a directory: the names in it now, its files side by side.
func (g *getting) dir(ctx context.Context, root cid.Cid, to string) error {
	list, err := g.c.Dir(ctx, root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	for _, e := range list {
		if e.Name == "" || e.Name == "." || strings.Contains(e.Name, "/") {
			return fmt.Errorf("%s has the name %q: %w", root, cut(e.Name), ErrVerify)
		}
		at, err := inside(to, e.Name)
		if err != nil {
			return err
		}
		// What is there may be a symbolic link that leads elsewhere.
		if info, err := os.Lstat(at); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return fmt.Errorf("%s is a symbolic link: %w", at, ErrUsage)
		}
		kind, err := g.c.Kind(ctx, e.Root)
		switch {
		case err != nil:
		case kind == node.KindDir:
			err = g.dir(ctx, e.Root, at)
		case kind == node.KindFile:
			g.group.Go(func() error { return g.file(ctx, e.Root, at) })
		default:
			g.note(func(got *Got) { got.Skipped = append(got.Skipped, filepath.ToSlash(at)) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}
