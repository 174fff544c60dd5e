package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// A checkpoint file NNNNNNNN.chk says what is in the durable part of a segment
// that is being written, so that a crash leaves only the rest to be scanned. It is
// a row of frames, each for the records that became durable since the one
// before. Nobody syncs it: a frame that did not reach the disk costs a longer scan.
const defaultCheckpoint = 32 << 20

// checkMagic begins a frame. After it come, little endian, the segment (4), where
// the first of its records begins and the last ends (4 each), the number of
// records and of verdicts (4 each), these as in an index file, and the CRC32C of it all.
var checkMagic = []byte("WPFSCHK1")

const (
	frameHead = 8 + 5*4
	frameSum  = 4
	// maxFrame bounds what a frame may make a reader allocate.
	maxFrame = 256 << 20
)

func checkName(id uint32) string { return fmt.Sprintf("%08d.chk", id) }

// A checkpoint writes the checkpoint file of a segment.
type checkpoint struct {
	mu       sync.Mutex // held over writes; taken before Store.mu
	file     file       // nil before the first frame
	off      int64
	end      int64 // of the records in the frames
	records  int
	verdicts int
	ended    bool // the segment has its index, or the file could not be written
}

func encodeFrame(seg uint32, from, to int64, entries []entry, verdicts []opinion) []byte {
	b := make([]byte, 0, frameHead+len(entries)*entrySize+len(verdicts)*verdictEntrySize+frameSum)
	b = append(b, checkMagic...)
	for _, v := range []uint32{seg, uint32(from), uint32(to), uint32(len(entries)), uint32(len(verdicts))} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, e := range entries {
		b = appendEntry(b, e)
	}
	for _, o := range verdicts {
		b = appendOpinion(b, o)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// frameSize is how long the frame is that b begins with.
func frameSize(b []byte) (n int64, ok bool) {
	if len(b) < frameHead || !bytes.HasPrefix(b, checkMagic) {
		return 0, false
	}
	records, verdicts := binary.LittleEndian.Uint32(b[20:]), binary.LittleEndian.Uint32(b[24:])
	n = frameHead + int64(records)*entrySize + int64(verdicts)*verdictEntrySize + frameSum
	return n, n <= maxFrame
}

// decodeFrame appends to c what the frame b says of the records behind those in c.
func decodeFrame(b []byte, seg uint32, c contents) (_ contents, ok bool) {
	n, ok := frameSize(b)
	if !ok || n != int64(len(b)) {
		return c, false
	}
	body, sum := b[:n-frameSum], b[n-frameSum:]
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint32(b[i:])) }
	from, to := at(12), at(16)
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) || at(8) != int64(seg) || from != c.end || to < from {
		return c, false
	}
	records, verdicts := int(at(20)), int(at(24))
	d := body[frameHead:]
	for range records {
		e := parseEntry(d, seg)
		if int64(e.off) < from || e.loc.end() > to || !e.possible() {
			return c, false
		}
		c.entries, d = append(c.entries, e), d[entrySize:]
	}
	for range verdicts {
		o, ok := parseOpinion(d, seg)
		if !ok || int64(o.off) < from || o.end() > to {
			return c, false
		}
		c.verdicts, d = append(c.verdicts, o), d[verdictEntrySize:]
	}
	c.end = to
	return c, true
}

// checkpoint writes a frame if enough has become durable since the last one.
func (s *Store) checkpoint(g *segment) {
	k := &g.check
	if !k.mu.TryLock() {
		return // another sync's leader is at it
	}
	defer k.mu.Unlock()
	s.mu.RLock()
	if k.ended || g.mem == nil || g.sealed || g.synced-k.end < s.opt.checkpoint {
		s.mu.RUnlock()
		return
	}
	to := g.synced
	entries, verdicts := g.mem.entries[k.records:g.durable], g.opinions[k.verdicts:g.judged]
	s.mu.RUnlock()
	err := k.write(s.files, g.id, encodeFrame(g.id, k.end, to, entries, verdicts))
	if err != nil { // then it is not written again
		k.ended = true
		s.log.Warn("write checkpoint", "segment", g.id, "err", err)
		return
	}
	k.end, k.records, k.verdicts = to, k.records+len(entries), k.verdicts+len(verdicts)
}

func (k *checkpoint) write(d files, id uint32, frame []byte) (err error) {
	if k.file == nil {
		if k.file, _, err = d.open(checkName(id), true); err != nil {
			return err
		}
	}
	if _, err = k.file.WriteAt(frame, k.off); err == nil {
		k.off += int64(len(frame))
	}
	return err
}

// endCheckpoint removes the checkpoint file of a segment that needs it no more.
func (g *segment) endCheckpoint() error {
	g.check.mu.Lock()
	defer g.check.mu.Unlock()
	g.check.ended = true
	if g.check.file == nil {
		return nil
	}
	err := errors.Join(g.check.file.Close(), ignoreNotExist(g.files.remove(checkName(g.id))))
	g.check.file = nil
	return err
}

// readCheckpoint returns what the checkpoint of a segment says, as far as it
// agrees with the size bytes of data: nothing, in the worst case.
func readCheckpoint(d files, id uint32, data io.ReaderAt, size int64) contents {
	c := contents{end: int64(len(header))}
	f, n, err := d.open(checkName(id), false)
	if err != nil {
		return c
	}
	defer f.Close()
	head := make([]byte, frameHead)
	for off := int64(0); readFull(f, head, off) == nil; {
		k, ok := frameSize(head)
		if !ok || k > n-off {
			break
		}
		b := make([]byte, k)
		if readFull(f, b, off) != nil {
			break
		}
		next, ok := decodeFrame(b, id, c)
		if !ok || next.end > size || !agrees(data, next.entries[len(c.entries):]) {
			break
		}
		c, off = next, off+k
	}
	return c
}

// agrees looks at the marks of some of the records that a frame speaks of.
func agrees(data io.ReaderAt, entries []entry) bool {
	const samples = 8
	step := max(len(entries)/samples, 1)
	for i := 0; i < len(entries); i += step {
		if !hasMark(data, entries[i]) {
			return false
		}
	}
	return len(entries) == 0 || hasMark(data, entries[len(entries)-1])
}

func hasMark(data io.ReaderAt, e entry) bool {
	var b [markSize]byte
	if readFull(data, b[:], int64(e.off)) != nil {
		return false
	}
	m, ok := parseMark(b[:])
	return ok && markSize+int64(m.length) == e.length() && m.flags&flagPrivate == e.flags&flagPrivate
}
