package buckets

// events: what waits for a webhook is there without gaps, and nothing else is.
func (c *checker) events() error {
	var hook string
	queues := map[string]backlog{}
	err := c.each(tabHook, func(value []byte) error {
		var q backlog
		if err := decode(value, &q); err != nil {
			return err
		}
		c.must(0 < q.First && q.First <= q.Next, "backlog of %q is %+v", hook, q)
		queues[hook] = q
		return nil
	}, &hook)
	if err != nil {
		return err
	}
	var number uint64
	count := map[string]uint64{}
	err = c.each(tabEvent, func([]byte) error {
		q := queues[hook]
		c.must(q.First <= number && number < q.Next, "event %d is not in the backlog of %q, which is %+v", number, hook, q)
		count[hook]++
		return nil
	}, &hook, &number)
	for hook, q := range queues {
		c.must(count[hook] == q.Next-q.First, "%d events wait for %q, want %d", count[hook], hook, q.Next-q.First)
	}
	return err
}
