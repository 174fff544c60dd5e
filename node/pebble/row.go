package pebble

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ipfs/go-datastore"

	"github.com/whypfs/whypfs/node/blocks"
)

const (
	dataPrefix = "/blocks/"
	metaPrefix = "/meta/"
	epochKey   = "/epoch"
	usageKey   = "/usage"
)

const flagPrivate = 1

var names = base32.StdEncoding.WithPadding(base32.NoPadding)

// pieceSize is how much of a block is in one row.
const pieceSize = 32 << 10

// dataKey is what the keys of a block's data begin with.
func dataKey(mh string) string { return dataPrefix + names.EncodeToString([]byte(mh)) + "/" }

// pieceKey is the key of the i-th piece of a block's data; there are at most
// MaxBlock/pieceSize, so two digits of base 16 keep them in order.
func pieceKey(mh string, i int) datastore.Key {
	return datastore.RawKey(fmt.Sprintf("%s%02x", dataKey(mh), i))
}

func metaKey(mh string) datastore.Key {
	return datastore.RawKey(metaPrefix + names.EncodeToString([]byte(mh)))
}

// blockOf is the block that a row under prefix is of.
func blockOf(key []byte, prefix string) (mh string, err error) {
	b, err := names.DecodeString(string(key[len(prefix):]))
	return string(b), err
}

// A meta is what a store knows of a block without reading it.
type meta struct {
	private bool
	size    int
	epoch   uint64 // when it was last stored, or found by someone who counts on it
}

var errBadRow = errors.New("malformed row")

func (m meta) encode() []byte {
	var flags byte
	if m.private {
		flags |= flagPrivate
	}
	b := binary.AppendUvarint([]byte{flags}, uint64(m.size))
	return binary.AppendUvarint(b, m.epoch)
}

func parseMeta(b []byte) (m meta, err error) {
	if len(b) == 0 {
		return m, errBadRow
	}
	numbers, err := parseNumbers(b[1:], 2)
	if err != nil || numbers[0] > blocks.MaxBlock {
		return m, errBadRow
	}
	return meta{private: b[0]&flagPrivate != 0, size: int(numbers[0]), epoch: numbers[1]}, nil
}

// parseNumbers reads n varints, which are all of b.
func parseNumbers(b []byte, n int) (numbers []uint64, err error) {
	for range n {
		x, k := binary.Uvarint(b)
		if k <= 0 {
			return nil, errBadRow
		}
		numbers, b = append(numbers, x), b[k:]
	}
	if len(b) > 0 {
		return nil, errBadRow
	}
	return numbers, nil
}
