package buckets

import "github.com/whypfs/whypfs/kv"

// roots: what a zone counts of its members' roots is true. Members from before
// roots were counted have no part in it, so there may be more of them.
func (c *checker) roots() error {
	var zone uint64
	var root []byte
	repeated, exact := map[uint64]int64{}, map[uint64]bool{}
	err := c.each(tabRoot, func(value []byte) error {
		row, err := decodeRoot(value)
		if err != nil {
			return err
		}
		z, err := zoneAt(c.tx, zone)
		gone, err := absent(err)
		if err != nil {
			return err
		}
		c.must(!gone && !(z.fixed() && len(z.Pieces) > 0), "roots of zone %d are counted, and it is %+v", zone, z.Zone)
		n, size, err := c.membersWith(zone, root)
		if err != nil {
			return err
		}
		c.must(row.members > 0 && row.members <= n, "zone %d counts %d members with a root, and has %d", zone, row.members, n)
		if _, known := exact[zone]; !known {
			exact[zone] = true
		}
		exact[zone] = exact[zone] && row.members == n
		repeated[zone] += size - row.size
		return nil
	}, &zone, &root)
	if err != nil {
		return err
	}
	for id, all := range exact {
		z, err := zoneAt(c.tx, id)
		if gone, err := absent(err); err != nil || gone {
			return err
		}
		c.must(!all || z.Repeated == repeated[id], "zone %d says that %d bytes are repeated, want %d", id, z.Repeated, repeated[id])
	}
	return nil
}

// membersWith adds up the members of a zone with a root that are looked at as copies.
func (c *checker) membersWith(zone uint64, root []byte) (n uint64, size int64, err error) {
	for row, err := range c.tx.Scan(kv.Range(tabCID, root)) {
		if err != nil {
			return 0, 0, err
		}
		content, err := contentNamed(c.tx, row.Key)
		if gone, err := absent(err); err != nil || gone {
			return 0, 0, err
		}
		if content.Zone == zone && content.Size >= repeats {
			n++
			size += content.Size
		}
	}
	return n, size, nil
}
