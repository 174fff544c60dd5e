package kv

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	bolt "go.etcd.io/bbolt"
)

// FailCommits makes each commit of a store end as fail says: the error it
// returns, and whether the commit has its effect nevertheless.
func FailCommits(b *Bolt, fail func() (err error, applied bool)) {
	b.commit = func(tx *bolt.Tx) error {
		err, applied := fail()
		switch {
		case err == nil:
			return tx.Commit()
		case applied:
			if commitErr := tx.Commit(); commitErr != nil {
				return commitErr
			}
		default:
			if rollbackErr := tx.Rollback(); rollbackErr != nil {
				return rollbackErr
			}
		}
		return err
	}
}

// Waiting is the number of updates that wait for the next group.
func Waiting(b *Bolt) int {
	n, _ := b.waiting()
	return n
}

// MaxGroup is maxGroup.
const MaxGroup = maxGroup

// On puts a pebble store on another file system.
func (o PebbleOptions) On(fs vfs.FS) PebbleOptions {
	o.fs = fs
	return o
}

// Full makes a pebble store find so little free for a while.
func Full(p *Pebble, free int64) {
	p.turn <- struct{}{}
	p.room.free, p.room.at = free, time.Now().Add(time.Hour)
	<-p.turn
}
