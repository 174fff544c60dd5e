package web

import (
	"errors"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// treeWait is how long a browser waits for a tree; a large one is then still made.
const treeWait = 10 * time.Second

// treeView is a bucket's directory on IPFS.
type treeView struct {
	Root    string // CID; "": none yet
	URL     string // on the gateway; "": it is not served there
	Asked   bool   // someone has asked for it
	Pending bool   // it is being made, or brought up to date
}

// treeOf tells what there is of a bucket's tree, and asks for none.
func (s *server) treeOf(c *call, b buckets.Bucket) (treeView, error) {
	t, err := s.buckets.KnownTree(c.r.Context(), b)
	if errors.Is(err, buckets.ErrNoTree) {
		return treeView{}, nil
	}
	if err != nil {
		return treeView{}, err
	}
	v := treeView{Asked: true, Pending: t.Pending}
	if t.Root.Defined() {
		v.Root = t.Root.String()
		if b.Policy.Publish && s.opt.GatewayURL != "" {
			v.URL = s.opt.GatewayURL + "/ipfs/" + v.Root + "/"
		}
	}
	return v, nil
}

// makeTree asks for a bucket's tree.
func (s *server) makeTree(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	b, err := s.visibleBucket(c)
	if err != nil {
		return err
	}
	if _, err := s.buckets.Tree(c.r.Context(), b, treeWait); err != nil {
		return err
	}
	s.redirect(c, bucketURL(bucketRef(b)))
	return nil
}
