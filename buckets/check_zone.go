package buckets

import (
	"errors"

	"github.com/whypfs/whypfs/kv"
)

// zones: totals are those of the members, and only open zones are listed as open.
func (c *checker) zones() error {
	var inverted uint64
	return c.each(tabZone, func(value []byte) error {
		var z zoneRow
		if err := decode(value, &z); err != nil {
			return err
		}
		c.must(z.ID == ^inverted, "zone %d says it is %d", ^inverted, z.ID)
		size, count, err := zoneTotals(c.tx, z.ID)
		if err != nil {
			return err
		}
		c.must(z.Size == size && z.Count == count, "zone %d says %d bytes in %d members, has %d in %d", z.ID, z.Size, z.Count, size, count)
		if z.State == ZoneOpen {
			oldest, err := oldestMember(c.tx, z.ID)
			c.must(err == nil && oldest.Equal(z.Oldest), "oldest member of zone %d is of %v, want %v (%v)", z.ID, z.Oldest, oldest, err)
			now, found, err := openZone(c.tx, z.Bucket, z.Replication)
			gone, err := absent(err)
			c.must(!gone && found && now.ID == z.ID, "zone %d is open, but the bucket's open zone is %d", z.ID, now.ID)
			return err
		}
		c.must(z.Policy.withDefaults().validate() == nil && z.SealedBy != "", "zone %d is %s without a policy or cause: %+v", z.ID, z.State, z.Zone)
		c.must(z.Reason != "", "zone %d is %s without a reason", z.ID, z.State)
		return nil
	}, &inverted)
}

// zoneTotals adds the members of a zone up.
func zoneTotals(tx kv.Tx, zone uint64) (size, count int64, err error) {
	for row, err := range tx.Scan(kv.Range(tabMember, zone)) {
		if err != nil {
			return 0, 0, err
		}
		var id uint64
		if err := kv.Unkey(row.Key, nil, nil, &id); err != nil {
			return 0, 0, err
		}
		c, err := contentRow(tx, id)
		if gone, err := absent(err); err != nil || gone {
			return size, count, err // members has noted it
		}
		size += c.Size
		count++
	}
	return size, count, nil
}

// open: what is listed as open is.
func (c *checker) open() error {
	for row, err := range c.tx.Scan(kv.Range(tabOpen)) {
		if err != nil {
			return err
		}
		bucket, n, err := readKeyOpen(row.Key)
		if err != nil {
			return err
		}
		z, found, err := openZone(c.tx, bucket, n)
		gone, err := absent(err)
		if err != nil {
			return err
		}
		c.must(!gone && found && z.State == ZoneOpen && z.Bucket == bucket && z.Replication == n, "open zone of bucket %s for %d deals is %+v", bucket, n, z.Zone)
	}
	return nil
}

// uploads: every part belongs to an upload in progress and holds its root.
func (c *checker) uploads() error {
	var bucket, key, id string
	inProgress := map[string]bool{}
	err := c.each(tabUpload, func(value []byte) error {
		var u MultipartUpload
		if err := decode(value, &u); err != nil {
			return err
		}
		c.must(u.ID == id && u.Key == key, "upload %s of %q says it is %s of %q", id, key, u.ID, u.Key)
		_, err := bucketRow(c.tx, bucket)
		gone, err := absent(err)
		c.must(!gone, "upload %s is in no bucket", id)
		inProgress[id] = true
		return err
	}, &bucket, &key, &id)
	if err != nil {
		return err
	}
	var number uint64
	return c.each(tabPart, func(value []byte) error {
		var p Part
		if err := decode(value, &p); err != nil {
			return err
		}
		c.must(inProgress[id], "part %d of upload %s, which is over", number, id)
		c.must(p.Number == int(number), "part %d of upload %s says it is %d", number, id, p.Number)
		found, err := has(c.tx, keyPartRef(p.CID, id, p.Number))
		c.must(found, "part %d of upload %s holds no root", number, id)
		done, doneErr := has(c.tx, keyDone(id))
		c.must(!done, "upload %s is in progress and completed", id)
		return errors.Join(err, doneErr)
	}, &id, &number)
}
