package node

import (
	"bytes"
	"fmt"

	"github.com/ipfs/go-cid"
	_ "github.com/ipld/go-codec-dagpb" // registers dag-pb
	_ "github.com/ipld/go-ipld-prime/codec/dagcbor"
	_ "github.com/ipld/go-ipld-prime/codec/dagjson"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/multicodec"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
)

// linksOf returns the links in a block, in their order. The bytes may be a
// stranger's. A codec that is not known has no links.
func linksOf(c cid.Cid, data []byte) ([]cid.Cid, error) {
	if !hasLinks(c) {
		return nil, nil
	}
	decode, err := multicodec.LookupDecoder(c.Type())
	if err != nil {
		return nil, fmt.Errorf("links of %s: %w", c, err)
	}
	b := basicnode.Prototype.Any.NewBuilder()
	if err := decode(b, bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("links of %s: %w", c, err)
	}
	links, err := traversal.SelectLinks(b.Build())
	if err != nil {
		return nil, fmt.Errorf("links of %s: %w", c, err)
	}
	cids := make([]cid.Cid, 0, len(links))
	for _, l := range links {
		if l, ok := l.(cidlink.Link); ok {
			cids = append(cids, l.Cid)
		}
	}
	return cids, nil
}
