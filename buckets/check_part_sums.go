package buckets

// partSums: checksums of parts are kept only for contents that an object names.
func (c *checker) partSums() error {
	var id uint64
	return c.each(tabSums, func(value []byte) error {
		var s partSums
		if err := decode(value, &s); err != nil {
			return err
		}
		content, err := contentRow(c.tx, id)
		gone, err := absent(err)
		c.must(!gone && !content.Deleted && len(s.Sums) > 0, "checksums of parts are of content %d, which nothing names", id)
		return err
	}, &id)
}
