package buckets

// usage: what an owner's rows say that he keeps is what he keeps.
func (c *checker) usage() error {
	want, err := countUsages(c.tx)
	if err != nil {
		return err
	}
	have, err := usages(c.tx)
	if err != nil {
		return err
	}
	for owner, u := range want {
		c.must(have[owner] == u, "user %d keeps %+v; the rows say %+v", owner, u, have[owner])
	}
	for owner, u := range have {
		_, found := want[owner]
		c.must(found, "user %d keeps nothing; the rows say %+v", owner, u)
	}
	return nil
}
