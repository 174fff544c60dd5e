package buckets

import (
	"context"
	"errors"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// partSums are the checksums of a multipart object's parts, in their order.
// They have a row of their own, since a listing reads many objects and needs
// none of them: an object can have 10,000 parts.
type partSums struct {
	Algorithm string
	Sums      []string // base64
}

// newPartSums takes from the parts of an object the checksum that the object has.
func newPartSums(parts []Part, object map[string]string) partSums {
	for algorithm := range object {
		s := partSums{Algorithm: algorithm}
		for _, p := range parts {
			if sum := p.Checksums[algorithm]; sum != "" {
				s.Sums = append(s.Sums, sum)
			}
		}
		if len(s.Sums) == len(parts) {
			return s
		}
	}
	return partSums{}
}

// PartChecksums returns the algorithm and the checksums (base64) of the parts
// of o, one for each of o.Parts; none if they were not kept.
func (b *Buckets) PartChecksums(ctx context.Context, o Object) (algorithm string, sums []string, err error) {
	var row partSums
	err = b.view(ctx, func(tx kv.Tx) (err error) {
		row, err = partSumsOf(tx, o.Content)
		return err
	})
	if err != nil {
		return "", nil, fmt.Errorf("checksums of the parts of %q: %w", o.Key, err)
	}
	if len(row.Sums) != len(o.Parts) || o.Checksums[row.Algorithm] == "" {
		return "", nil, nil // of the same bytes, stored before in other parts
	}
	return row.Algorithm, row.Sums, nil
}

// partSumsOf returns those of a content, without any if there is no row.
func partSumsOf(tx kv.Tx, content uint64) (partSums, error) {
	row, err := kv.GetJSON[partSums](tx, keyPartSums(content))
	if errors.Is(err, kv.ErrNotFound) {
		return partSums{}, nil
	}
	return row, err
}

// copyPartSums gives a content those of another one.
func copyPartSums(tx kv.Tx, from, to uint64) error {
	s, err := partSumsOf(tx, from)
	if err != nil {
		return err
	}
	return putPartSums(tx, to, s)
}

// putPartSums replaces those of a content.
func putPartSums(tx kv.Tx, content uint64, s partSums) error {
	if len(s.Sums) == 0 {
		return tx.Delete(keyPartSums(content))
	}
	return kv.PutJSON(tx, keyPartSums(content), s)
}
