package buckets

// versions: archived versions are where they say, and a key whose newest
// version is an object has that as its object.
func (c *checker) versions() error {
	var bucket, key string
	var inverted uint64
	return c.each(tabVersion, func(value []byte) error {
		o, err := decodeObject(bucket, key, value)
		if err != nil {
			return err
		}
		c.must(o.Bucket == bucket && o.Key == key && o.Version == ^inverted,
			"version %d of %s/%q says it is %d of %s/%q", ^inverted, bucket, key, o.Version, o.Bucket, o.Key)
		if err := c.version(o); err != nil {
			return err
		}
		newest, _, err := newestArchived(c.tx, bucket, key)
		if err != nil {
			return err
		}
		if newest.Version == o.Version && !o.Marker {
			if err := c.mustHave(true, keyObject(bucket, key), "object newer than version %d of %s/%q", o.Version, bucket, key); err != nil {
				return err
			}
		}
		if o.Versioned {
			return nil
		}
		null, err := archivedNull(c.tx, bucket, key)
		gone, err := absent(err)
		c.must(!gone && null.Version == o.Version, "version %d of %s/%q is null, and so is %d", o.Version, bucket, key, null.Version)
		return err
	}, &bucket, &key, &inverted)
}

// nulls: what is listed as the null version of a key is, and is the only one.
func (c *checker) nulls() error {
	var bucket, key string
	return c.each(tabNull, func([]byte) error {
		null, err := archivedNull(c.tx, bucket, key)
		gone, err := absent(err)
		if err != nil {
			return err
		}
		c.must(!gone && !null.Versioned, "null version of %s/%q is %+v", bucket, key, null)
		o, err := objectAt(c.tx, bucket, key)
		gone, err = absent(err)
		c.must(gone || o.Versioned, "key %s/%q has two null versions, %d and %d", bucket, key, null.Version, o.place())
		return err
	}, &bucket, &key)
}

// named says whether a version names a content.
func (c *checker) named(content Content) (bool, error) {
	o, err := versionOf(c.tx, content)
	gone, err := absent(err)
	c.must(gone || content.Cold == Cold(o.Class), "content %d is cold: %v, and of class %q", content.ID, content.Cold, o.Class)
	return err == nil && !gone, err
}
