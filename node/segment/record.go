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
	return data, checkRecord(head, data, c)
}

// checkRecord checks a record, given in two pieces, which must be c's.
func checkRecord(head, data []byte, c cid.Cid) error {
	m, ok := parseMark(head)
	if !ok || int(m.length) != len(head)-markSize+len(data) {
		return ErrDamaged
	}
	sum := crc32.Update(crc32.Checksum(head[markSize:], castagnoli), castagnoli, data)
	// The section's head ends with the CID, and that with the multihash.
	if sum != m.crc || !bytes.HasSuffix(head, []byte(multihashOf(c))) {
		return ErrDamaged
	}
	return nil
}

// largeBlock is the size from which a block is worth a read past the page cache.
const largeBlock = 128 << 10

// readLarge is readChecked in one read of the pages that hold the record. It says
// whether they were read past the page cache.
func readLarge(g *segment, l loc, c cid.Cid, buf []byte) (data []byte, past bool, err error) {
	r, ok := g.file.(pastReader)
	if !ok {
		data, err = readChecked(g, l, c, buf)
		return data, false, err
	}
	from := int64(l.off) &^ (pageSize - 1)
	n := int((l.end() - from + pageSize - 1) &^ (pageSize - 1))
	if cap(buf) < n+pageSize {
		buf = make([]byte, n+pageSize)
	}
	pages := aligned(buf[:cap(buf)], n)[:n]
	k, past, err := r.readPast(pages, from)
	if end := int(l.end() - from); k < end {
		if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: %d bytes of %d", ErrDamaged, k, end)
		}
		return nil, past, err
	}
	rec := pages[int64(l.off)-from : l.end()-from]
	return rec[l.head:], past, checkRecord(rec[:l.head], rec[l.head:], c)
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
