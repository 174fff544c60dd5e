package kv

import bolt "go.etcd.io/bbolt"

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
