package buckets

import (
	"context"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/kv"
)

// askZones asks why the contents with some roots stay, which no transaction can.
func (p *roomPass) askZones(ctx context.Context, some []old) error {
	var zones []uint64
	err := p.b.view(ctx, func(tx kv.Tx) error {
		zones = nil
		for _, o := range some {
			all, err := contentsWithRoot(tx, o.root)
			if err != nil {
				return err
			}
			for _, c := range all {
				zones = append(zones, c.Zone)
			}
		}
		return nil
	})
	for _, z := range zones {
		if err == nil {
			_, err = p.stays(ctx, z)
		}
	}
	return err
}

// giveUp lets go of some roots, but for those that somebody needs here.
func (p *roomPass) giveUp(ctx context.Context, some []old) error {
	if err := p.askZones(ctx, some); err != nil {
		return err
	}
	var objects, kept int
	var bytes int64
	err := p.b.update(ctx, func(tx kv.Tx) error {
		objects, kept, bytes = 0, 0, 0
		for _, o := range some {
			n, err := p.giveUpRoot(tx, o.root)
			if err != nil {
				return err
			}
			if n == 0 {
				kept++
				continue
			}
			objects += n
			bytes += o.size
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.objects += objects
	p.bytes += bytes
	if kept > 0 {
		p.kept[alsoElsewhere] += kept
	}
	return nil
}

// giveUpRoot says how many contents have given up a root.
func (p *roomPass) giveUpRoot(tx kv.Tx, root cid.Cid) (given int, err error) {
	list, err := p.spare(tx, root)
	if err != nil {
		return 0, err
	}
	at := time.Now().Add(day)
	for _, c := range list {
		if err := p.b.giveUp(tx, c, at); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// spare returns the contents that give up a root together; none if one of them,
// or anybody else, needs it here. What its zones' deals are has been asked.
func (p *roomPass) spare(tx kv.Tx, root cid.Cid) (list []Content, err error) {
	if free, err := onlyContents(tx, root); err != nil || !free {
		return nil, err
	}
	all, err := contentsWithRoot(tx, root)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, c := range all {
		if c.Offloaded {
			continue
		}
		if why, known := p.zones[c.Zone]; !known || why != "" || c.wanted(now) || !p.asked(c) {
			return nil, nil
		}
		if !c.Deleted {
			list = append(list, c)
		}
	}
	return list, nil
}

// onlyContents says whether a root is held by contents alone: not by a part of
// an upload, and not by a pin under way.
func onlyContents(tx kv.Tx, root cid.Cid) (bool, error) {
	for row, err := range tx.Scan(kv.Range(tabRef, rootKey(root))) {
		if err != nil {
			return false, err
		}
		var kind string
		if err := kv.Unkey(row.Key, nil, nil, &kind, nil); err != nil {
			return false, err
		}
		if kind != "c" {
			return false, nil
		}
	}
	return true, nil
}
