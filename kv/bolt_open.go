package kv

import bolt "go.etcd.io/bbolt"

// settle makes what is read now durable before anyone reads it. The process
// that wrote the newest meta page may have died before its sync, or the sync
// may have failed: then the page is in the cache of the kernel, and not on the
// disk. Whoever read through it would see it undone by a power cut; and the
// next commit would write over pages of the state before it, which is the one
// that the disk has. An empty commit writes the meta page anew and syncs it.
func settle(db *bolt.DB) error {
	err := db.Update(func(*bolt.Tx) error { return nil })
	if isFull(err) {
		// A file system that copies on each write has no room even for that.
		// Without a disk that fails, a sync does as well.
		return db.Sync()
	}
	return err
}
