package buckets

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
		return err
	}, &uuid)
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
