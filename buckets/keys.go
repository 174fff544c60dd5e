package buckets

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// The tables of the package; doc.go says what their rows hold.
const (
	tabName    = "bkt"
	tabBucket  = "bktid"
	tabByOwner = "bktown"
	tabGlobal  = "glob"
	tabObject  = "obj"
	tabVersion = "ver"
	tabNull    = "vnul"
	tabContent = "con"
	tabOwned   = "own"
	tabCID     = "cid"
	tabRef     = "ref"
	tabNew     = "new"
	tabZone    = "zon"
	tabMember  = "zin"
	tabOpen    = "zopen"
	tabRoot    = "zcid"
	tabRead    = "read"
	tabSent    = "sent"
	tabUpload  = "upl"
	tabPart    = "prt"
	tabDone    = "done"
	tabSums    = "sum"
	tabDoc     = "doc"
	tabUsage   = "use"
	tabCounted = "usedone"
)

// present is the value of rows that say all they have to say by being there.
var present = []byte{1}

func keyName(name string) []byte               { return kv.Key(tabName, name) }
func keyBucket(uuid string) []byte             { return kv.Key(tabBucket, uuid) }
func keyByOwner(owner uint64, n string) []byte { return kv.Key(tabByOwner, owner, n) }
func keyGlobal(owner uint64) []byte            { return kv.Key(tabGlobal, owner) }
func keyObject(bucket, key string) []byte      { return kv.Key(tabObject, bucket, key) }
func keyNull(bucket, key string) []byte        { return kv.Key(tabNull, bucket, key) }
func keyNew(bucket string, id uint64) []byte   { return kv.Key(tabNew, bucket, id) }
func keyMember(zone, id uint64) []byte         { return kv.Key(tabMember, zone, id) }
func keyUpload(bucket, key, id string) []byte  { return kv.Key(tabUpload, bucket, key, id) }
func keyPart(upload string, n int) []byte      { return kv.Key(tabPart, upload, uint64(n)) }
func keyPartSums(content uint64) []byte        { return kv.Key(tabSums, content) }
func keyDone(upload string) []byte             { return kv.Key(tabDone, upload) }
func keyDocument(bucket, name string) []byte   { return kv.Key(tabDoc, bucket, name) }

// Scans only go up, so rows that are listed newest first have their id inverted.
func keyContent(id uint64) []byte { return kv.Key(tabContent, ^id) }
func keyVersion(bucket, key string, place uint64) []byte {
	return kv.Key(tabVersion, bucket, key, ^place)
}
func keyZone(id uint64) []byte         { return kv.Key(tabZone, ^id) }
func keyOwned(owner, id uint64) []byte { return kv.Key(tabOwned, owner, ^id) }

func keyCID(root cid.Cid, id uint64) []byte { return kv.Key(tabCID, rootKey(root), id) }

// A root is held by contents (hold.go), the parts of uploads, and pins.
func keyPartRef(root cid.Cid, upload string, n int) []byte {
	return kv.Key(tabRef, rootKey(root), "p", upload+"/"+strconv.Itoa(n))
}

func parsePartHolder(holder string) (upload string, number int, err error) {
	upload, n, _ := strings.Cut(holder, "/")
	number, err = strconv.Atoi(n)
	return upload, number, err
}

// rootKey is the binary CID, in version 1: both versions name the same DAG.
func rootKey(root cid.Cid) []byte {
	if root.Version() == 0 {
		root = cid.NewCidV1(root.Type(), root.Hash())
	}
	return root.Bytes()
}

// prefixBounds are the bounds of a table's rows of a bucket whose key starts with prefix.
func prefixBounds(table, bucket, prefix string) (from, to []byte) {
	return kv.Prefix(table, bucket, prefix)
}

// pastPrefix is the bound of a table after all rows of a bucket whose key starts with prefix.
func pastPrefix(table, bucket, prefix string) []byte {
	_, to := prefixBounds(table, bucket, prefix)
	return to
}

// has says whether there is a row at key.
func has(tx kv.Tx, key []byte) (bool, error) {
	_, err := tx.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// any says whether there is a row in the range.
func anyRow(tx kv.Tx, from, to []byte) (bool, error) {
	for _, err := range tx.Scan(from, to) {
		return err == nil, err
	}
	return false, nil
}

// epoch is where the ids of contents and zones start counting, in ms since 1970.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// makeID returns an id for something made at t: 41 bits of milliseconds and 12
// of low, so that ids are ordered by time and stay below 2^53 for 69 years.
func makeID(t time.Time, low uint64) uint64 {
	ms := max(t.UnixMilli()-epoch, 0) // a clock that was never set must not make it huge
	return uint64(ms)<<12 | low&0xfff
}

// idTime is the time in an id.
func idTime(id uint64) time.Time {
	return time.UnixMilli(int64(id>>12) + epoch).UTC()
}

// freeID returns the first id, from the candidate on, that has no row yet.
func freeID(tx kv.Tx, candidate uint64, key func(uint64) []byte) (uint64, error) {
	for id := candidate; ; id++ {
		taken, err := has(tx, key(id))
		if err != nil || !taken {
			return id, err
		}
	}
}

// keyOpen names a bucket's open zone of contents with a replication of their
// own; 0: of those that have none.
func keyOpen(bucket string, replication int) []byte {
	if replication == 0 {
		return kv.Key(tabOpen, bucket)
	}
	return kv.Key(tabOpen, bucket, uint64(replication))
}

// readKeyOpen is keyOpen undone.
func readKeyOpen(key []byte) (bucket string, replication int, err error) {
	if kv.Unkey(key, nil, &bucket) == nil {
		return bucket, 0, nil
	}
	var n uint64
	err = kv.Unkey(key, nil, &bucket, &n)
	return bucket, int(n), err
}
