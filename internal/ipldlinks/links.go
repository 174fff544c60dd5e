// Package ipldlinks finds the links in blocks, whose bytes may be a stranger's.
// It knows DAG-PB, DAG-CBOR and DAG-JSON; a codec that it does not know has no links.
package ipldlinks

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

// Of returns the links in a block, in their order.
func Of(c cid.Cid, data []byte) ([]cid.Cid, error) {
	if !Has(c) {
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

// Has says whether blocks of c's codec can link to others.
func Has(c cid.Cid) bool {
	switch c.Type() {
	case cid.DagProtobuf, cid.DagCBOR, cid.DagJSON:
		return true
	}
	return false
}
