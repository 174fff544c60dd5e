package buckets

import (
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/queue"
)

// trees: every bucket says whether it has a tree. Touched keys may outlive one,
// as there is the job then that removes them.
func (c *checker) trees() error {
	var uuid string
	err := c.each(tabTree, func(value []byte) error {
		var row treeRow
		if err := decode(value, &row); err != nil {
			return err
		}
		bucket, err := bucketRow(c.tx, uuid)
		gone, err := absent(err)
		c.must(!gone, "tree of bucket %s, which is gone", uuid)
		c.must(gone || bucket.Tree, "tree of bucket %s, which says it has none", uuid)
		if err != nil || !row.Root.Defined() {
			return err
		}
		return c.mustHave(true, keyTreeRoot(row.Root, uuid), "root's row of the tree of bucket %s", uuid)
	}, &uuid)
	if err != nil {
		return err
	}
	var root []byte
	err = c.each(tabTreeRoot, func([]byte) error {
		row, err := kv.GetJSON[treeRow](c.tx, keyTree(uuid))
		gone, err := absent(err)
		c.must(!gone && string(rootKey(row.Root)) == string(root), "root's row of the tree of bucket %s does not fit %+v", uuid, row)
		return err
	}, &root, &uuid)
	if err != nil {
		return err
	}
	err = c.each(tabBucket, func(value []byte) error {
		bucket, err := decodeBucket(value)
		if err != nil {
			return err
		}
		return c.mustHave(bucket.Tree, keyTree(uuid), "tree of bucket %s", uuid)
	}, &uuid)
	if err != nil {
		return err
	}
	return c.touched()
}

// touched: where there are touched keys there is the job that lets go of them.
func (c *checker) touched() error {
	from, to := kv.Range(tabTouched)
	for from != nil {
		var next []byte
		for row, err := range c.tx.Scan(from, to) {
			var uuid, key string
			if err == nil {
				err = kv.Unkey(row.Key, nil, &uuid, &key)
			}
			var waits bool
			if err == nil {
				waits, err = queue.Has(c.tx, jobTree, uuid)
			}
			if err != nil {
				return err
			}
			c.must(waits, "key %q of bucket %s waits for its tree, and there is no job for that", key, uuid)
			next = kv.After(tabTouched, uuid)
			break
		}
		from = next
	}
	return nil
}
