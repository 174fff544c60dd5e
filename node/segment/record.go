package segment

import (
	"hash/crc32"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
)

// readRecord reads a record and checks all of it.
func readRecord(g *segment, e entry) (c cid.Cid, data []byte, err error) {
	rec := make([]byte, int(e.head)+int(e.size))
	if err := readFull(g.file, rec, int64(e.off)); err != nil {
		return c, nil, err
	}
	m, ok := parseMark(rec)
	sec := rec[markSize:]
	if !ok || int(m.length) != len(sec) || crc32.Checksum(sec, castagnoli) != m.crc {
		return c, nil, ErrDamaged
	}
	c, data, ok = car.ParseSection(sec)
	if !ok || keyOf(multihashOf(c)) != e.key || !Matches(c, data) {
		return c, nil, ErrDamaged
	}
	return c, data, nil
}
