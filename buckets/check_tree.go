package buckets

import "github.com/whypfs/whypfs/kv"

// trees: every bucket says whether it has a tree. Touched keys may outlive one.
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
	return c.each(tabBucket, func(value []byte) error {
		bucket, err := decodeBucket(value)
		if err != nil {
			return err
		}
		return c.mustHave(bucket.Tree, keyTree(uuid), "tree of bucket %s", uuid)
	}, &uuid)
}
