package piece

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/multiformats/go-varint"
)

// A link is a named entry of a directory.
type link struct {
	name string
	cid  cid.Cid
	size uint64
}

// maxLinks keeps a directory well below the 1 MiB and 2 MiB limits of peers.
const maxLinks = 8192

// linkSize is the number of bytes that a link adds to a directory.
func linkSize(l link) int64 { return int64(len(appendLink(nil, l))) }

// directory makes a UnixFS directory as a dag-pb block.
func directory(links []link) (cid.Cid, []byte, error) {
	// dag-pb demands this order; equal names do not occur.
	links = slices.SortedFunc(slices.Values(links), func(a, b link) int { return strings.Compare(a.name, b.name) })
	var data []byte
	for _, l := range links {
		data = appendLink(data, l)
	}
	data = append(data, "\x0a\x02\x08\x01"...) // Data: UnixFS type Directory
	sum, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		return cid.Undef, nil, fmt.Errorf("hash a directory: %w", err)
	}
	return cid.NewCidV1(cid.DagProtobuf, sum), data, nil
}

func appendLink(b []byte, l link) []byte {
	id := l.cid.Bytes()
	var in []byte
	in = append(binaryUvarint(append(in, 0x0a), uint64(len(id))), id...)
	in = append(binaryUvarint(append(in, 0x12), uint64(len(l.name))), l.name...)
	in = binaryUvarint(append(in, 0x18), l.size)
	return append(binaryUvarint(append(b, 0x12), uint64(len(in))), in...)
}

func binaryUvarint(b []byte, v uint64) []byte { return append(b, varint.ToUvarint(v)...) }
