package node

import (
	"errors"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/node/blocks"
)

// mendingStore has every block repaired that is read and found damaged, whoever
// reads it. The reader gets the store's error.
type mendingStore struct {
	blocks.Store
	report func(c cid.Cid)
}

// Block implements blocks.Reader.
func (s mendingStore) Block(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	data, err := s.Store.Block(c, public, buf)
	return data, s.check(c, err)
}

// Stored implements blocks.Reader.
func (s mendingStore) Stored(c cid.Cid, public bool, buf []byte) ([]byte, error) {
	data, err := s.Store.Stored(c, public, buf)
	return data, s.check(c, err)
}

func (s mendingStore) check(c cid.Cid, err error) error {
	if errors.Is(err, ErrDamaged) {
		s.report(c)
	}
	return err
}
