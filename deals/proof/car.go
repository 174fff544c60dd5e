package proof

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/internal/ipldlinks"
)

// counted counts what is read, and keeps an error that is not the end.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// walkCAR reads a DAG as a CAR whose sections are in the order of the walk.
func walkCAR(ctx context.Context, p *Proof, root cid.Cid, file io.Reader, blocks func(cid.Cid, []byte) error) error {
	src := &counted{r: file}
	err := readCAR(ctx, root, src, blocks)
	switch {
	case src.err != nil:
		return src.err
	case errors.Is(err, car.ErrFormat):
		return refuse("the file is of a DAG that is no UnixFS file, and should be its CAR: %v", err)
	case err != nil:
		return err
	case src.n != p.Size:
		return refuse("the file has %d bytes, the proof is of %d", src.n, p.Size)
	}
	return nil
}

func readCAR(ctx context.Context, root cid.Cid, src io.Reader, blocks func(cid.Cid, []byte) error) error {
	in, err := car.NewReader(src, maxBlock)
	if err != nil {
		return err
	}
	if in.Version != 1 || len(in.Roots) != 1 || in.Roots[0] != root {
		return refuse("the file is a CARv%d with roots %v, not a CARv1 of %s", in.Version, in.Roots, root)
	}
	seen := map[string]struct{}{}
	todo := []cid.Cid{root}
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, ok := seen[c.KeyString()]; ok {
			continue
		}
		seen[c.KeyString()] = struct{}{}
		if err := ctx.Err(); err != nil {
			return err
		}
		data, inline := inlined(c)
		if !inline {
			if data, err = section(in, c); err != nil {
				return err
			}
			if err := blocks(c, data); err != nil {
				return err
			}
		}
		links, err := ipldlinks.Of(c, data)
		if err != nil {
			return refuse("%v", err)
		}
		slices.Reverse(links)
		todo = append(todo, links...)
	}
	if c, _, err := in.Next(); err != io.EOF {
		if err == nil {
			err = refuse("the CAR goes on with block %s after its DAG is complete", c)
		}
		return err
	}
	return nil
}

// section reads the section of a block, which has to be the next.
func section(in *car.Reader, c cid.Cid) ([]byte, error) {
	got, data, err := in.Next()
	switch {
	case err == io.EOF:
		return nil, refuse("the CAR ends before block %s", c)
	case err != nil:
		return nil, err
	case got != c:
		return nil, refuse("the CAR has block %s where %s is due", got, c)
	}
	return data, checkHash(c, data)
}
