package segment

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/internal/car"
)

// readChecked reads the data of the record at l, which must be c's, and checks its CRC.
func readChecked(g *segment, l loc, c cid.Cid, buf []byte) ([]byte, error) {
	var room [maxHead]byte
	head := room[:l.head]
	switch err := readFull(g.file, head, int64(l.off)); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return nil, err
	}
	data, err := readAt(g, l, buf)
	if err != nil {
		return nil, err
	}
	m, ok := parseMark(head)
	if !ok || int(m.length) != len(head)-markSize+len(data) {
		return nil, ErrDamaged
	}
	sum := crc32.Update(crc32.Checksum(head[markSize:], castagnoli), castagnoli, data)
	// The section's head ends with the CID, and that with the multihash.
	if sum != m.crc || !bytes.HasSuffix(head, []byte(multihashOf(c))) {
		return nil, ErrDamaged
	}
	return data, nil
}

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
