package buckets

import (
	"context"
	"errors"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// The handlers of the jobs, for tests that run them without a queue.

func (b *Buckets) Assign(ctx context.Context, bucket string) error { return b.assign(ctx, bucket) }
func (b *Buckets) SealIfDue(ctx context.Context, zone uint64) error {
	return b.sealIfDue(ctx, zoneJobID(zone))
}
func (b *Buckets) Advance(ctx context.Context, zone uint64) error {
	return b.advance(ctx, zoneJobID(zone))
}

// AgeZone makes a zone's last step older.
func (b *Buckets) AgeZone(ctx context.Context, id uint64, by time.Duration) error {
	return b.changeZone(ctx, id, func(z *zoneRow) bool {
		z.Changed = z.Changed.Add(-by)
		return true
	})
}

// AgeDone makes the record of a completed upload older.
func (b *Buckets) AgeDone(ctx context.Context, upload string, by time.Duration) error {
	return b.update(ctx, func(tx kv.Tx) error {
		d, err := kv.GetJSON[doneRow](tx, keyDone(upload))
		if err != nil {
			return err
		}
		d.Completed = d.Completed.Add(-by)
		return kv.PutJSON(tx, keyDone(upload), d)
	})
}

// RepeatPart makes parts 2 to n of an upload, all of them part 1 again.
func (b *Buckets) RepeatPart(ctx context.Context, upload string, n int) error {
	err := b.update(ctx, func(tx kv.Tx) error {
		p, err := partRow(tx, upload, 1)
		if err != nil {
			return err
		}
		for p.Number = 2; p.Number <= n; p.Number++ {
			err := errors.Join(
				kv.PutJSON(tx, keyPart(upload, p.Number), p),
				tx.Put(keyPartRef(p.CID, upload, p.Number), present))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.RecountUsage(ctx)
}

var (
	ValidName     = validName
	MakeID        = makeID
	TreeName      = treeName
	DisplacedName = displacedName
	ComparePaths  = comparePaths
	IDTime        = idTime
)

// Flights gives tests the sharing of calls.
type Flights struct{ f flights }

func (f *Flights) Do(ctx context.Context, key string, fn func(context.Context) error) error {
	return f.f.do(ctx, key, fn)
}

// Waiters says how many wait for a key.
func (f *Flights) Waiters(key string) int {
	f.f.mu.Lock()
	defer f.f.mu.Unlock()
	if fl := f.f.m[key]; fl != nil {
		return fl.waiters
	}
	return 0
}

// OldRefs has all contents hold their roots as it was done before.
func (b *Buckets) OldRefs(ctx context.Context) error {
	return b.update(ctx, func(tx kv.Tx) error {
		old := map[string][]byte{}
		for row, err := range tx.Scan(kv.Range(tabCID)) {
			if err != nil {
				return err
			}
			var id uint64
			root, err := rootIn(row.Key, &id)
			if err != nil {
				return err
			}
			held, err := rowHolds(tx, row.Value, root, id)
			if err != nil {
				return err
			}
			old[string(row.Key)] = present
			if held {
				old[string(keyOldRef(root, id))] = present
			}
		}
		for key, value := range old {
			if err := tx.Put([]byte(key), value); err != nil {
				return err
			}
		}
		return nil
	})
}

// FakeRefs holds n roots by contents that do not exist, every other one as it
// was done before, or with n 0 takes all references away.
func (b *Buckets) FakeRefs(ctx context.Context, n int) error {
	return b.update(ctx, func(tx kv.Tx) error {
		for i := range n {
			root, err := cid.V1Builder{Codec: cid.DagProtobuf, MhType: 0x12}.Sum([]byte{byte(i), byte(i >> 8)})
			if err != nil {
				return err
			}
			key, value := keyCID(root, uint64(i)), holding
			if i%2 == 1 {
				key, value = keyOldRef(root, uint64(i)), present
			}
			if err := tx.Put(key, value); err != nil {
				return err
			}
		}
		if n > 0 {
			return nil
		}
		var keys [][]byte
		for _, table := range []string{tabRef, tabCID} {
			for row, err := range tx.Scan(kv.Range(table)) {
				if err != nil {
					return err
				}
				keys = append(keys, append([]byte(nil), row.Key...))
			}
		}
		for _, key := range keys {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

// AgeUpload makes an upload, or with a number one of its parts, older.
func (b *Buckets) AgeUpload(ctx context.Context, bucket Bucket, key, id string, number int, by time.Duration) error {
	return b.update(ctx, func(tx kv.Tx) error {
		if number > 0 {
			p, err := partRow(tx, id, number)
			p.Modified = p.Modified.Add(-by)
			return errors.Join(err, kv.PutJSON(tx, keyPart(id, number), p))
		}
		u, err := uploadRow(tx, bucket.UUID, key, id)
		u.Started = u.Started.Add(-by)
		return errors.Join(err, kv.PutJSON(tx, keyUpload(bucket.UUID, key, id), u))
	})
}

// FutureMarker deletes a key in the name of a clock that is ahead.
func (b *Buckets) FutureMarker(ctx context.Context, bucket Bucket, key string, ahead time.Duration) error {
	return b.update(ctx, func(tx kv.Tx) error {
		bucket, err := bucketRow(tx, bucket.UUID)
		if err != nil {
			return err
		}
		_, _, err = b.deleteCurrent(tx, bucket, key, DeleteOptions{}, makeID(time.Now().Add(ahead), 0))
		return err
	})
}

// ExpireRetention lets the time of a version's retention come.
func (b *Buckets) ExpireRetention(ctx context.Context, bucket Bucket, key, version string) error {
	_, err := b.change(ctx, bucket, key, version, "", func(_ Bucket, o *Object) error {
		o.Retention.Until = time.Now().Add(-time.Second)
		return nil
	})
	return err
}

// Place is where a version stands among those of its key.
func (o Object) Place() uint64 { return o.place() }

// HurryTrees makes trees be updated in small steps, soon after a change.
func (b *Buckets) HurryTrees(chunk int, delay time.Duration) { b.treeChunk, b.treeDelay = chunk, delay }

// ForgetAsked makes it long ago that someone asked for a bucket's tree.
func (b *Buckets) ForgetAsked(ctx context.Context, bucket Bucket) error {
	return b.update(ctx, func(tx kv.Tx) error {
		row, _, err := treeAt(tx, bucket.UUID)
		row.Asked = row.Asked.Add(-2 * treeIdle)
		return errors.Join(err, kv.PutJSON(tx, keyTree(bucket.UUID), row))
	})
}

// AgeTrees makes roots that were replaced older.
func (b *Buckets) AgeTrees(ctx context.Context, bucket Bucket, by time.Duration) error {
	return b.update(ctx, func(tx kv.Tx) error {
		row, _, err := treeAt(tx, bucket.UUID)
		for i := range row.Old {
			row.Old[i].Until = row.Old[i].Until.Add(-by)
		}
		return errors.Join(err, kv.PutJSON(tx, keyTree(bucket.UUID), row))
	})
}

// Touched counts the touched keys of all buckets.
func (b *Buckets) Touched(ctx context.Context) (n int, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		n = 0
		for _, err := range tx.Scan(kv.Range(tabTouched)) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// EditObject and EditBucket change what a row says.

func EditObject(edit func(*Object)) func([]byte) []byte {
	decode := func(value []byte) (Object, error) { return decodeObject("", "", value) } // which the row has in its key
	return editRow(decode, encodeObject, edit)
}

func EditBucket(edit func(*Bucket)) func([]byte) []byte {
	return editRow(decodeBucket, encodeBucket, edit)
}

func editRow[T any](decode func([]byte) (T, error), encode func(T) []byte, edit func(*T)) func([]byte) []byte {
	return func(value []byte) []byte {
		v, err := decode(value)
		if err != nil {
			panic(err)
		}
		edit(&v)
		return encode(v)
	}
}

// Unassign takes a content out of its zone and back among the unassigned.
func (b *Buckets) Unassign(ctx context.Context, id uint64) error {
	return b.update(ctx, func(tx kv.Tx) error {
		c, err := contentRow(tx, id)
		if err != nil {
			return err
		}
		z, err := zoneAt(tx, c.Zone)
		if err != nil {
			return err
		}
		c.Zone = 0
		return errors.Join(leaveZone(tx, z, c), putContent(tx, c), tx.Put(keyNew(c.Bucket, id), present))
	})
}

// CountedRoots is how many roots the zones count members with.
func (b *Buckets) CountedRoots(ctx context.Context) (n int, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		n = 0
		for _, err := range tx.Scan(kv.Range(tabRoot)) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// MakeRoom is the job that gives up local copies; what it ends with is what it waits for.
func (b *Buckets) MakeRoom(ctx context.Context) error { return b.makeRoom(ctx, singleton) }

// SetRead writes down when a root was read.
func (b *Buckets) SetRead(ctx context.Context, root cid.Cid, at time.Time) error {
	return b.update(ctx, func(tx kv.Tx) error {
		return putReads(tx, map[string]int64{string(rootKey(root)): hourOf(at)})
	})
}

// LastRead is the hour in which a root was read last.
func (b *Buckets) LastRead(ctx context.Context, root cid.Cid) (hour int64, err error) {
	err = b.view(ctx, func(tx kv.Tx) error {
		hour, err = lastRead(tx, rootKey(root))
		return err
	})
	return hour, err
}
