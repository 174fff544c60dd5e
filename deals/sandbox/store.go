package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// store keeps the network's state as JSON rows, one bucket, keys by kind:
//
//	head               chainHead
//	account/ID         account
//	deal/ID            deal on chain
//	sector/ACTOR/N     sector
//	message/CID        messageRecord
//	event/N            chainEvent
//	rpc/N              endpointRecord
//	provider/ACTOR     providerRecord
//	pdeal/ACTOR/UUID   providerDeal
//	piece/ACTOR/CID    pieceRecord
//
// and, in buckets of their own named index/ACTOR, the providers' block
// indexes, which can be rebuilt from the pieces.
//
// Losing it loses the network; rolling it back rolls the chain back, which
// clients take for a fork; whoever can edit it owns the network.
type store struct {
	db    *bbolt.DB
	dirty map[string]any    // rows changed since the last commit; nil deletes
	undo  map[string][]byte // where commit notes what chain rows were before; nil: nowhere
}

var stateBucket = []byte("state")

func openStore(dir string, noSync bool) (*store, error) {
	db, err := bbolt.Open(filepath.Join(dir, "sandbox.db"), 0o600, &bbolt.Options{
		Timeout: 5 * time.Second, NoFreelistSync: true, NoSync: noSync, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, fmt.Errorf("open sandbox state: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(stateBucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open sandbox state: %w", err), db.Close())
	}
	return &store{db: db, dirty: map[string]any{}}, nil
}

// put marks a row as changed. The value is encoded at commit, so it may still
// change until then.
func (s *store) put(key string, value any) { s.dirty[key] = value }

func (s *store) remove(key string) { s.dirty[key] = nil }

func (s *store) changed() bool { return len(s.dirty) > 0 }

// commit makes every change since the last one durable, all or nothing.
func (s *store) commit() error {
	if !s.changed() {
		return nil
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(stateBucket)
		for k, v := range s.dirty {
			s.noteOld(b, k)
			if v == nil {
				if err := b.Delete([]byte(k)); err != nil {
					return err
				}
				continue
			}
			row, err := json.Marshal(v)
			if err != nil {
				return fmt.Errorf("encode %s: %w", k, err)
			}
			if err := b.Put([]byte(k), row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit sandbox state: %w", err)
	}
	clear(s.dirty)
	return nil
}

// noteOld keeps what a row of the ledger was before its first change since undo
// was made.
func (s *store) noteOld(b *bbolt.Bucket, key string) {
	kind, _, _ := strings.Cut(key, "/")
	if _, known := s.undo[key]; known || s.undo == nil || kind != "account" && kind != "deal" && kind != "sector" && kind != "event" {
		return
	}
	s.undo[key] = bytes.Clone(b.Get([]byte(key)))
}

// load decodes every row under prefix into a new T and passes it on.
func load[T any](s *store, prefix string, each func(*T)) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(stateBucket).Cursor()
		for k, v := c.Seek([]byte(prefix)); k != nil && len(k) >= len(prefix) && string(k[:len(prefix)]) == prefix; k, v = c.Next() {
			row := new(T)
			if err := json.Unmarshal(v, row); err != nil {
				return fmt.Errorf("read %s: %w", k, err)
			}
			each(row)
		}
		return nil
	})
}
