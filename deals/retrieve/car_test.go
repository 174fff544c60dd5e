package retrieve

import (
	"bytes"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/whypfs/whypfs/internal/car"
)

func rawCID(t testing.TB, data []byte) cid.Cid {
	t.Helper()
	sum, err := multihash.Sum(data, multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, sum)
}

func TestReadCAR(t *testing.T) {
	data := []byte("block")
	c := rawCID(t, data)
	file := append(car.Header(c), append(car.SectionHead(c, len(data)), data...)...)
	var got []cid.Cid
	err := readCAR(bytes.NewReader(file), func(c cid.Cid, _ []byte) (bool, error) {
		got = append(got, c)
		return true, nil
	})
	if err != nil || len(got) != 1 || got[0] != c {
		t.Errorf("blocks %v, %v, want %v", got, err, c)
	}
	if err := readCAR(bytes.NewReader(file[:len(file)-1]), func(cid.Cid, []byte) (bool, error) { return true, nil }); err == nil {
		t.Error("a cut CAR is read without an error")
	}
}
