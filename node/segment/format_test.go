package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/internal/car"
	"github.com/whypfs/whypfs/node/blocks"
	"github.com/whypfs/whypfs/node/segment"
)

func sum(t testing.TB, code uint64, data []byte) cid.Cid {
	t.Helper()
	mh, err := multihash.Sum(data, code, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, mh)
}

func openDir(t testing.TB, dir string, opt segment.Options) *segment.Store {
	t.Helper()
	s, err := segment.Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// do runs fn on a batch and syncs it.
func do(t testing.TB, s *segment.Store, private bool, fn func(blocks.Batch) error) {
	t.Helper()
	b := s.Batch(private)
	if err := errors.Join(fn(b), b.Sync(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, dir, ext string) (files [][]byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ext))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if want := fmt.Sprintf("%08d%s", i, ext); filepath.Base(name) != want {
			t.Errorf("file %s, want %s", name, want)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	return files
}

// fill makes a store in dir, and returns the blocks in it and which are public, by multihash.
func fill(t *testing.T, dir string) (data map[string][]byte, public map[string]bool) {
	t.Helper()
	s := openDir(t, dir, segment.Options{SegmentSize: 60 << 10})
	data, public = map[string][]byte{}, map[string]bool{}
	var all []cid.Cid
	for i := range 400 {
		code := uint64(multihash.SHA2_256)
		if i%9 == 0 {
			code = multihash.SHA2_512
		}
		b := fmt.Appendf(bytes.Repeat([]byte{byte(i)}, i), "%d", i)
		c := sum(t, code, b)
		do(t, s, i%2 == 0, func(batch blocks.Batch) error { return batch.Put(t.Context(), c, b) })
		data[string(c.Hash())], public[string(c.Hash())] = b, i%2 != 0
		all = append(all, c)
	}
	judge := func(i int, see bool) {
		do(t, s, true, func(batch blocks.Batch) error {
			if see {
				return batch.Publish(t.Context(), all[i])
			}
			return batch.Hide(t.Context(), all[i])
		})
		public[string(all[i].Hash())] = see
	}
	for i := range 40 {
		judge(i, i%4 < 2)
	}
	for i := 0; i < 40; i += 5 {
		judge(i, i%2 == 0)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return data, public
}

// A store is what docs/format.md says: a reader that knows the page only finds
// every block, who may see it, and what the indexes say.
func TestFormat(t *testing.T) {
	dir := t.TempDir()
	data, public := fill(t, dir)
	segments, indexes := read(t, dir, ".car"), read(t, dir, ".idx")
	if len(segments) < 2 || len(indexes) != len(segments) {
		t.Fatalf("%d segments and %d indexes", len(segments), len(indexes))
	}
	found, seen := map[string][]byte{}, map[string]bool{}
	verdict := map[string]bool{} // private or not, by key and whether it is another hash's
	var records []docRecord
	for id, b := range segments {
		seg := docSegmentOf(t, b)
		if seg.end != len(b) {
			t.Errorf("segment %d of %d bytes was read up to %d", id, len(b), seg.end)
		}
		seg.checkTrailer(t, uint32(id))
		docIndexOf(t, indexes[id], uint32(id)).check(t, seg)
		for _, r := range seg.records {
			found[r.multihash] = r.data
			seen[r.multihash] = seen[r.multihash] || !r.private
		}
		for _, v := range seg.verdicts {
			verdict[fmt.Sprint(v.key, v.other)] = v.private
		}
		records = append(records, seg.records...)
	}
	for _, r := range records {
		if private, ok := verdict[fmt.Sprint(r.key, r.other)]; ok {
			seen[r.multihash] = !private
		}
	}
	for mh, want := range data {
		if !bytes.Equal(found[mh], want) || seen[mh] != public[mh] {
			t.Errorf("block %x: %d bytes, public %v; want %d, %v", mh, len(found[mh]), seen[mh], len(want), public[mh])
		}
	}
	if len(found) != len(data) || len(verdict) == 0 {
		t.Errorf("%d blocks, want %d; %d verdicts", len(found), len(data), len(verdict))
	}
	checkCAR(t, segments, data)
}

// checkCAR reads the segments as the CARs that they are.
func checkCAR(t *testing.T, segments [][]byte, want map[string][]byte) {
	t.Helper()
	found := 0
	for _, b := range segments {
		r, err := car.NewReader(bytes.NewReader(b), segment.MaxBlock)
		if err != nil {
			t.Fatal(err)
		}
		for {
			c, data, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if !segment.Matches(c, data) {
				t.Fatalf("%s does not have its hash", c)
			}
			if bytes.Equal(want[string(c.Hash())], data) && len(data) > 0 {
				found++
			}
		}
	}
	if found != len(want) {
		t.Errorf("%d blocks in the CARs, want %d", found, len(want))
	}
}

// The checkpoint of a segment that is being written is what the page says too,
// and so is what a kill leaves: records, and zeros up to the end of a page.
func TestFormatOfCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir, segment.Options{})
	defer s.Close()
	for i := range 70 {
		b := fmt.Appendf(bytes.Repeat([]byte{byte(i)}, 1<<20), "%d", i)
		c := sum(t, multihash.SHA2_256, b)
		do(t, s, false, func(batch blocks.Batch) error {
			if i%10 == 0 {
				if err := batch.Hide(t.Context(), c); err != nil {
					return err
				}
			}
			return batch.Put(t.Context(), c, b)
		})
	}
	segments, frames := read(t, dir, ".car"), read(t, dir, ".chk")
	if len(segments) != 1 || len(frames) != 1 {
		t.Fatalf("%d segments and %d checkpoints", len(segments), len(frames))
	}
	seg := docSegmentOf(t, segments[0])
	rest := segments[0][seg.end:]
	if len(seg.records) != 70 || seg.trailer != nil || len(rest) >= 4096 || len(bytes.Trim(rest, "\x00")) > 0 {
		t.Errorf("%d records, trailer %x, and %d bytes behind", len(seg.records), seg.trailer, len(rest))
	}
	b, at, n := frames[0], uint32(len(carHead)), 0
	for len(b) > 0 {
		from, to, records, verdicts := le.Uint32(b[12:]), le.Uint32(b[16:]), int(le.Uint32(b[20:])), int(le.Uint32(b[24:]))
		size := 28 + records*42 + verdicts*40
		if string(b[:8]) != "WPFSCHK1" || le.Uint32(b[8:]) != 0 || from != at || le.Uint32(b[size:]) != crc(b[:size]) || to-from < 32<<20 {
			t.Fatalf("frame %x", b[:28])
		}
		var want []byte
		for _, r := range seg.records {
			if r.off >= from && r.off < to {
				want = append(want, r.entry()...)
			}
		}
		for _, v := range seg.verdicts {
			if v.off >= from && v.off < to {
				want = append(want, v.entry()...)
			}
		}
		if !bytes.Equal(b[28:size], want) {
			t.Errorf("frame from %d to %d is not what the segment has there", from, to)
		}
		b, at, n = b[size+4:], to, n+1
	}
	if n != 2 || !slices.IsSortedFunc(seg.records, func(a, b docRecord) int { return int(a.off) - int(b.off) }) {
		t.Errorf("%d frames, want 2", n)
	}
}
