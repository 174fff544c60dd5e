package buckets

import (
	"bytes"
	"fmt"

	"github.com/whypfs/whypfs/kv"
)

// pins: every pin is in the indexes it belongs to, and is tried, or is a content.
func (c *checker) pins() error {
	var inverted uint64
	return c.each(tabPin, func(value []byte) error {
		var p Pin
		if err := decode(value, &p); err != nil {
			return err
		}
		c.must(p.ID == ^inverted, "pin %d says it is %d", ^inverted, p.ID)
		c.must(!p.Replaced || p.State == PinPinned, "pin %d is replaced, and %s", p.ID, p.State)
		for _, row := range []struct {
			want bool
			key  []byte
			what string
		}{
			{!p.Replaced, keyPinState(p), "state's"},
			{!p.Replaced, keyPinCID(p.CID, p.ID), "root's"},
			{p.unfinished(), keyPinDue(p), "due"},
			{p.State == PinPinning, keyPinRun(p.ID), "progress"},
			{p.State == PinPinning, keyPinRef(p.CID, p.ID), "reference"},
			{p.State == PinPinned, keyPinContent(p.Content, p.ID), "content's"},
		} {
			if err := c.mustHave(row.want, row.key, "%s row of pin %d", row.what, p.ID); err != nil {
				return err
			}
		}
		if p.State != PinPinned {
			return nil
		}
		content, err := contentRow(c.tx, p.Content)
		gone, err := absent(err)
		c.must(!gone && !content.Deleted && content.CID.Equals(p.CID) && content.Size == p.Size, "pin %+v has become content %+v", p, content)
		return err
	}, &inverted)
}

// pinRows: no index row outlives its pin.
func (c *checker) pinRows() error {
	var owner, slot, due, id, inverted uint64
	var root []byte
	var state string
	for _, table := range []struct {
		name    string
		id      func() uint64
		fits    func(Pin) bool
		targets []any
	}{
		{tabPinState, func() uint64 { return ^inverted }, func(p Pin) bool { return p.Owner == owner && string(p.State) == state }, []any{&owner, &state, &inverted}},
		{tabPinCID, func() uint64 { return id }, func(p Pin) bool { return string(rootKey(p.CID)) == string(root) }, []any{&root, &id}},
		{tabPinNew, func() uint64 { return ^inverted }, func(p Pin) bool { return p.Owner == owner && p.unfinished() && pinSlot(p.ID) == slot }, []any{&owner, &slot, &inverted}},
		{tabPinDue, func() uint64 { return id }, func(p Pin) bool {
			return p.unfinished() && bytes.Equal(keyPinDue(p), kv.Key(tabPinDue, owner, slot, due, id))
		}, []any{&owner, &slot, &due, &id}},
		{tabPinRun, func() uint64 { return id }, func(p Pin) bool { return p.State == PinPinning }, []any{&id}},
		{tabPinContent, func() uint64 { return id }, func(p Pin) bool { return p.Content == due }, []any{&due, &id}},
	} {
		err := c.each(table.name, func([]byte) error { return c.pinIndexed(table.name, table.id(), table.fits) }, table.targets...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) pinIndexed(table string, id uint64, fits func(Pin) bool) error {
	p, err := pinRow(c.tx, id)
	gone, err := absent(err)
	c.must(!gone && fits(p), "row of pin %d in %s does not fit %+v", id, table, p)
	return err
}

// pinRef: a pin that holds a root is there and has it.
func (c *checker) pinRef(root []byte, holder string) error {
	var id uint64
	if _, err := fmt.Sscan(holder, &id); err != nil {
		c.must(false, "reference of pin %q: %w", holder, err)
		return nil
	}
	return c.pinIndexed(tabRef, id, func(p Pin) bool { return p.State == PinPinning && string(rootKey(p.CID)) == string(root) })
}
