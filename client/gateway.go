package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/node/blocks"
)

// errNoCAR says that a gateway does not send CARs: V1's own sends files as they are.
var errNoCAR = errors.New("the host's gateway sends no blocks, so its files cannot be checked on their way")

const (
	rawType = "application/vnd.ipld.raw"
	// keptBlocks bounds the bytes of blocks that came lately and may be due
	// again: a gateway need not send one twice.
	keptBlocks = 16 << 20
)

// Link is the address of a DAG at the host's gateway; name, if not empty, is
// what a browser is to call the file.
func (c *Client) Link(root cid.Cid, name string) string {
	link := c.host.URL + "/gw/ipfs/" + root.String()
	if name != "" {
		link += "?filename=" + url.QueryEscape(name)
	}
	return link
}

// blockSource gives the blocks of a file or directory out of the CAR that a
// gateway sends of it, and fetches by itself those that are not in it when they
// are due. It does not check them.
type blockSource struct {
	c     *Client
	in    *car.Reader // nil: at its end
	ahead *sentBlock  // the next of it
	kept  []sentBlock // the newest last
	bytes int         // in kept
}

type sentBlock struct {
	cid  cid.Cid
	data []byte
}

// sameBlock says whether two CIDs name the same bytes.
func sameBlock(a, b cid.Cid) bool { return string(a.Hash()) == string(b.Hash()) }

func (s *blockSource) get(ctx context.Context, c cid.Cid) ([]byte, error) {
	for i := len(s.kept) - 1; i >= 0; i-- {
		if sameBlock(s.kept[i].cid, c) {
			return s.kept[i].data, nil
		}
	}
	if err := s.look(); err != nil {
		return nil, err
	}
	if s.ahead != nil && sameBlock(s.ahead.cid, c) {
		data := s.ahead.data
		s.keep(*s.ahead)
		s.ahead = nil
		return data, nil
	}
	data, err := s.c.block(ctx, c)
	if err == nil {
		s.keep(sentBlock{c, data})
	}
	return data, err
}

// look reads the next block of the CAR.
func (s *blockSource) look() error {
	if s.ahead != nil || s.in == nil {
		return nil
	}
	c, data, err := s.in.Next()
	switch {
	case err == io.EOF:
		s.in = nil
		return nil
	case err != nil:
		return err
	}
	s.ahead = &sentBlock{c, data}
	return nil
}

func (s *blockSource) keep(b sentBlock) {
	s.kept = append(s.kept, b)
	for s.bytes += len(b.data); s.bytes > keptBlocks && len(s.kept) > 1; {
		s.bytes -= len(s.kept[0].data)
		s.kept[0] = sentBlock{}
		s.kept = s.kept[1:]
	}
}

// block fetches one block.
func (c *Client) block(ctx context.Context, id cid.Cid) (data []byte, err error) {
	cl := call{method: "GET", path: "/gw/ipfs/" + id.String(), query: url.Values{"format": {"raw"}}, header: http.Header{"Accept": {rawType}}}
	err = c.do(ctx, cl, func(res *http.Response) error {
		if mediaTypeOf(res) != rawType {
			return permanent{errNoCAR}
		}
		if data, err = io.ReadAll(io.LimitReader(res.Body, blocks.MaxBlock+1)); len(data) > blocks.MaxBlock {
			return permanent{fmt.Errorf("block %s: %w: it has more than %d bytes", id, ErrVerify, blocks.MaxBlock)}
		}
		return err
	})
	return data, err
}

func mediaTypeOf(res *http.Response) string {
	t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return t
}

// read gives read the file or directory under root, beginning with the byte at
// *from, out of one answer after another: when one breaks off, read is called
// again. It keeps *from up to date, and as long as that grows there is hope.
func (c *Client) read(ctx context.Context, root cid.Cid, from *int64, read func(ctx context.Context, o *node.Outside) error) error {
	cl := call{method: "GET", path: "/gw/ipfs/" + root.String()}
	return c.resume(ctx, cl, from, func(before int64) error {
		cl.query = url.Values{"format": {"car"}, "dag-scope": {"entity"}, "car-dups": {"y"}, "car-order": {"dfs"}}
		if before > 0 {
			cl.query.Set("entity-bytes", strconv.FormatInt(before, 10)+":*")
		}
		cl.header = http.Header{"Accept": {car.MediaType + "; version=1; order=dfs; dups=y"}}
		return c.try(ctx, cl, func(res *http.Response) error {
			if mediaTypeOf(res) != car.MediaType {
				return permanent{errNoCAR}
			}
			in, err := car.NewReader(res.Body, blocks.MaxBlock)
			if err != nil {
				return err
			}
			s := &blockSource{c: c, in: in}
			return foreign(read(ctx, node.NewOutside(s.get)))
		})
	})
}

// foreign makes errors permanent that come of what a DAG is, not of how it came.
func foreign(err error) error {
	switch {
	case errors.Is(err, node.ErrMismatch):
		return permanent{fmt.Errorf("%w: %w", ErrVerify, err)}
	case errors.Is(err, node.ErrNotFile), errors.Is(err, node.ErrNotDir), errors.As(err, new(localError)):
		return permanent{err}
	}
	return err
}

// localError is a failure to write what came.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// Kind asks what a DAG is.
func (c *Client) Kind(ctx context.Context, root cid.Cid) (kind node.Kind, err error) {
	if root.Type() == cid.Raw {
		return node.KindFile, nil
	}
	o := node.NewOutside(c.block)
	kind, err = o.Kind(ctx, root)
	return kind, unwrapForeign(err)
}

func unwrapForeign(err error) error {
	var fixed permanent
	if errors.As(foreign(err), &fixed) {
		return fixed.error
	}
	return err
}

// Dir lists the directory under root; each of its blocks was checked.
func (c *Client) Dir(ctx context.Context, root cid.Cid) (list []node.DirEntry, err error) {
	from := int64(0)
	err = c.read(ctx, root, &from, func(ctx context.Context, o *node.Outside) error {
		list = list[:0]
		return o.Dir(ctx, root, func(e node.DirEntry) error {
			list = append(list, e)
			return nil
		})
	})
	return list, err
}

// Walk follows names from root and returns what is there.
func (c *Client) Walk(ctx context.Context, root cid.Cid, names string) (cid.Cid, error) {
	for name := range strings.SplitSeq(strings.Trim(names, "/"), "/") {
		if name == "" {
			continue
		}
		list, err := c.Dir(ctx, root)
		if err != nil {
			return cid.Undef, err
		}
		found := cid.Undef
		for _, e := range list {
			if e.Name == name {
				found = e.Root
			}
		}
		if !found.Defined() {
			return cid.Undef, fmt.Errorf("%q in %s: %w", name, root, ErrNotFound)
		}
		root = found
	}
	return root, nil
}
