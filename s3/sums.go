package s3

import (
	"hash"

	"github.com/whypfs/whypfs/internal/checksum"
)

// sums are the checksums computed over one body, by algorithm.
type sums map[string]hash.Hash

func newSums(algorithms ...string) sums {
	s := sums{}
	for _, name := range algorithms {
		s.add(name)
	}
	return s
}

// add computes that checksum too. Names are canonical ones.
func (s sums) add(algorithm string) {
	if h, ok := checksum.New(algorithm); ok && s[algorithm] == nil {
		s[algorithm] = h
	}
}

func (s sums) hashes() []hash.Hash {
	var out []hash.Hash
	for _, h := range s {
		out = append(out, h)
	}
	return out
}

func (s sums) encoded() map[string]string {
	out := make(map[string]string, len(s))
	for name, h := range s {
		out[name] = checksum.Encode(h.Sum(nil))
	}
	return out
}
