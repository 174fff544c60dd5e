package commp_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/commp"
)

// The CIDs are those of go-fil-commcid's tests.
var versions = []struct {
	v1   string
	size int64
	v2   string
}{
	{"baga6ea4seaqes3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi", 127 * 4, "bafkzcibcaaces3nobte6ezpp4wqan2age2s5yxcatzotcvobhgcmv5wi2xh5mbi"},
	{"baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq", 127 << 28, "bafkzcibcaapao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq"},
	{"baga6ea4seaqomqafu276g53zko4k23xzh4h4uecjwicbmvhsuqi7o4bhthhm4aq", 127 << 29, "bafkzcibcaap6mqafu276g53zko4k23xzh4h4uecjwicbmvhsuqi7o4bhthhm4aq"},
	{"baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa", 127 * 8, "bafkzcibcaac542av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa"},
	{"baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa", 127*4 + 4, "bafkzcibd7abqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4"},
	{"baga6ea4seaqn42av3szurbbscwuu3zjssvfwbpsvbjf6y3tukvlgl2nf5rha6pa", 127*4 + 5, "bafkzcibd64bqlxticxolgseegik2stpfgkkuwyf6kufex3doorkvmzpjuxwe4dz4"},
}

func TestVersionsOfCIDs(t *testing.T) {
	for _, c := range versions {
		v1, v2 := cid.MustParse(c.v1), cid.MustParse(c.v2)
		if got, err := commp.ToV2(v1, c.size); err != nil || !got.Equals(v2) {
			t.Errorf("ToV2(%s, %d) = %v, %v; want %s", c.v1, c.size, got, err, c.v2)
		}
		if got, size, err := commp.ToV1(v2); err != nil || !got.Equals(v1) || size != c.size {
			t.Errorf("ToV1(%s) = %v, %d, %v; want %s, %d", c.v2, got, size, err, c.v1, c.size)
		}
	}
}

// What is written has the commitment that the vector names: 127 bytes each of 0, 1, 2 and 3, and zeros.
func TestSumOfVectors(t *testing.T) {
	var data []byte
	for i := range 4 {
		data = append(data, bytes.Repeat([]byte{byte(i)}, 127)...)
	}
	for _, c := range []struct {
		zeros int
		v2    string
	}{{0, versions[0].v2}, {127 * 4, versions[3].v2}, {4, versions[4].v2}, {5, versions[5].v2}} {
		s := sum(t, append(bytes.Clone(data), make([]byte, c.zeros)...), 1000)
		if got, err := commp.ToV2(s.CID, s.Size); err != nil || got.String() != c.v2 {
			t.Errorf("and %d zeros: %v, %v; want %s", c.zeros, got, err, c.v2)
		}
	}
}

func TestNoPieceCIDs(t *testing.T) {
	v1, v2 := cid.MustParse(versions[0].v1), cid.MustParse(versions[0].v2)
	for _, size := range []int64{-1, 0, 126, 1 << 60} {
		if got, err := commp.ToV2(v1, size); !errors.Is(err, commp.ErrCID) {
			t.Errorf("ToV2 of %d bytes = %v, %v; want %v", size, got, err, commp.ErrCID)
		}
	}
	tall := bytes.Clone(v2.Hash())
	tall[len(tall)-33] = 70 // height of the tree
	long := bytes.Clone(v2.Hash())
	long = append(append(append([]byte{}, long[:2]...), 35, 0x80, 0), long[4:]...) // padding 0 in two bytes
	for name, c := range map[string]cid.Cid{
		"undefined": {}, "v1": v1, "codec": cid.NewCidV1(cid.DagCBOR, v2.Hash()),
		"height": cid.NewCidV1(cid.Raw, tall), "varint": cid.NewCidV1(cid.Raw, long),
	} {
		if got, size, err := commp.ToV1(c); !errors.Is(err, commp.ErrCID) {
			t.Errorf("%s: ToV1 = %v, %d, %v; want %v", name, got, size, err, commp.ErrCID)
		}
	}
	if _, err := commp.ToV2(v2, 508); !errors.Is(err, commp.ErrCID) {
		t.Errorf("ToV2 of a v2: %v, want %v", err, commp.ErrCID)
	}
}

func FuzzToV1(f *testing.F) {
	for _, c := range versions {
		f.Add(cid.MustParse(c.v2).Bytes())
		f.Add(cid.MustParse(c.v1).Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cid.Cast(b)
		if err != nil {
			return
		}
		v1, size, err := commp.ToV1(c)
		if err != nil {
			return
		}
		if again, err := commp.ToV2(v1, size); err != nil || !again.Equals(c) {
			t.Errorf("%x: back from v1: %v, %v", b, again, err)
		}
	})
}
