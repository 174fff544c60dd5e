package buckets_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
)

// What an upload or a pin asks for besides is part of its transaction, or
// refuses it, and nothing of it is left.
func TestAlso(t *testing.T) {
	f := newTest(t, buckets.Options{})
	ctx := t.Context()
	b := f.bucket("one")
	row := kv.Key("test", "row")
	has := func() (found bool) {
		wantErr(t, "View", f.store.View(ctx, func(tx kv.Tx) error {
			_, err := tx.Get(row)
			found = err == nil
			return nil
		}), nil)
		return found
	}
	refused := errors.New("refused")
	also := func(err error) func(kv.Tx, buckets.Object) error {
		return func(tx kv.Tx, made buckets.Object) error {
			if _, absent := buckets.ContentAt(tx, made.Content); absent == nil {
				t.Error("it runs after the object was made")
			}
			return errors.Join(tx.Put(row, []byte("x")), err)
		}
	}
	put := func(up buckets.Upload) error {
		up.Body = strings.NewReader("body")
		_, err := f.Put(ctx, b, "", 7, up, buckets.Attributes{}, buckets.Conditions{})
		return err
	}
	key := func(k string) func(cid.Cid) string { return func(cid.Cid) string { return k } }
	wantErr(t, "Put that is refused", put(buckets.Upload{Key: key("a"), Also: also(refused)}), refused)
	wantErr(t, "Put without a key", put(buckets.Upload{}), buckets.ErrKey)
	wantErr(t, "Put with an empty key", put(buckets.Upload{Key: key("")}), buckets.ErrKey)
	if _, err := f.Head(ctx, b, "a", ""); !errors.Is(err, buckets.ErrNoObject) || has() {
		t.Errorf("of what was refused there is %v, %v", err, has())
	}
	wantErr(t, "Put", put(buckets.Upload{Key: key("a"), Also: also(nil)}), nil)
	if f.body(b, "a") != "body" || !has() {
		t.Error("the object, or what belongs to it, is not there")
	}
	var dup *buckets.DuplicateError
	if err := put(buckets.Upload{Key: key("b"), Unique: true, Also: also(nil)}); !errors.As(err, &dup) {
		t.Errorf("Put of a duplicate = %v", err)
	}
	f.delete(b, "a")
	wantErr(t, "Put of what is gone", put(buckets.Upload{Key: key("b"), Unique: true}), nil)

	o, err := f.Head(ctx, b, "b", "")
	wantErr(t, "Head", err, nil)
	pin := buckets.PinRequest{CID: o.CID, Also: func(tx kv.Tx, p buckets.Pin) error {
		if got, err := buckets.PinAt(tx, p.ID); err != nil || got.ID != p.ID {
			t.Errorf("PinAt = %+v, %v", got, err)
		}
		return refused
	}}
	_, err = f.Pin(ctx, 7, pin)
	wantErr(t, "Pin that is refused", err, refused)
	list, err := f.Pins(ctx, buckets.PinQuery{Owner: 7, Limit: 10})
	if err != nil || len(list.Pins) != 0 {
		t.Errorf("pins are %+v, %v", list, err)
	}
}
