package proof

import (
	"errors"
	"fmt"
	"math"

	"github.com/ipfs/go-cid"
	dagpb "github.com/ipld/go-codec-dagpb"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"google.golang.org/protobuf/encoding/protowire"
)

// A fileNode is a node of a UnixFS file: its own data, then that of its links.
type fileNode struct {
	data  []byte
	links []fileLink
	size  int64
}

// A fileLink is a part of a file.
type fileLink struct {
	cid  cid.Cid
	size int64
}

// ErrNotFile says that a DAG is not a UnixFS file.
var ErrNotFile = errors.New("not a UnixFS file")

// parseFile reads a DAG-PB block as a node of a file.
func parseFile(block []byte) (n fileNode, err error) {
	b := dagpb.Type.PBNode.NewBuilder()
	if err := dagpb.DecodeBytes(b, block); err != nil {
		return n, fmt.Errorf("%w: %w", ErrNotFile, err)
	}
	pb, ok := b.Build().(dagpb.PBNode)
	if !ok || !pb.FieldData().Exists() {
		return n, ErrNotFile
	}
	data, sizes, err := parseData(pb.FieldData().Must().Bytes())
	if err != nil {
		return n, err
	}
	if int64(len(sizes)) != pb.Links.Length() {
		return n, fmt.Errorf("%w: %d links, %d sizes", ErrNotFile, pb.Links.Length(), len(sizes))
	}
	n = fileNode{data: data, size: int64(len(data)), links: make([]fileLink, 0, len(sizes))}
	for it := pb.Links.Iterator(); !it.Done(); {
		i, l := it.Next()
		target, ok := l.FieldHash().Link().(cidlink.Link)
		named := l.FieldName().Exists() && l.FieldName().Must().String() != ""
		if !ok || named || sizes[i] > uint64(math.MaxInt64-n.size) {
			return fileNode{}, fmt.Errorf("%w: link %d", ErrNotFile, i)
		}
		n.links = append(n.links, fileLink{cid: target.Cid, size: int64(sizes[i])})
		n.size += int64(sizes[i])
	}
	return n, nil
}

// Fields of UnixFS' message Data, and its types that are files.
const (
	fieldType       = 1
	fieldData       = 2
	fieldBlockSizes = 4
	typeRaw         = 0
	typeFile        = 2
)

// parseData reads the message Data of a file.
func parseData(b []byte) (data []byte, sizes []uint64, err error) {
	kind := int64(-1)
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, nil, errData
		}
		rest := b[n:]
		size := protowire.ConsumeFieldValue(num, typ, rest)
		if size < 0 {
			return nil, nil, errData
		}
		value := rest[:size]
		b = rest[size:]
		switch {
		case num == fieldType && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			kind = int64(int32(v)) // an enumeration
		case num == fieldData && typ == protowire.BytesType:
			data, _ = protowire.ConsumeBytes(value)
		case num == fieldBlockSizes && typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			sizes = append(sizes, v)
		case num == fieldBlockSizes && typ == protowire.BytesType: // packed
			list, _ := protowire.ConsumeBytes(value)
			if sizes, err = unpack(sizes, list); err != nil {
				return nil, nil, err
			}
		}
	}
	if kind != typeRaw && kind != typeFile {
		return nil, nil, fmt.Errorf("%w: UnixFS type %d", ErrNotFile, kind)
	}
	return data, sizes, nil
}

var errData = fmt.Errorf("%w: its UnixFS data cannot be read", ErrNotFile)

func unpack(sizes []uint64, list []byte) ([]uint64, error) {
	for len(list) > 0 {
		v, n := protowire.ConsumeVarint(list)
		if n < 0 {
			return nil, errData
		}
		sizes, list = append(sizes, v), list[n:]
	}
	return sizes, nil
}
