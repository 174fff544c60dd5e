package buckets

// documents: every document is among those its bucket says it has.
func (c *checker) documents() error {
	var uuid, name string
	return c.each(tabDoc, func([]byte) error {
		bucket, err := bucketRow(c.tx, uuid)
		gone, err := absent(err)
		c.must(!gone && bucket.Documents[name] > 0, "document %q is of bucket %s, which does not know it", name, uuid)
		return err
	}, &uuid, &name)
}

// documentsOf: every document that a bucket says it has is there.
func (c *checker) documentsOf(bucket Bucket) error {
	for name := range bucket.Documents {
		if err := c.mustHave(true, keyDocument(bucket.UUID, name), "document %q of bucket %s", name, bucket.UUID); err != nil {
			return err
		}
	}
	return nil
}
