package deals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// ErrSwitchedOff says that no new deals are made, as somebody wants it.
var ErrSwitchedOff = errors.New("making new deals is switched off")

// switchedLook is when what waits for the switch looks at it again, although it
// is woken when that is turned.
const switchedLook = time.Hour

// A Switch says whether new deals are made. Deals that their providers know of
// are followed, and pieces packed, all the same.
type Switch struct {
	Off time.Time // since when none are made; zero: they are
	By  string    // who wanted that
}

// reason is why a deal is not made, "" if it is.
func (s Switch) reason() string {
	if s.Off.IsZero() {
		return ""
	}
	by := ""
	if s.By != "" {
		by = " by " + s.By
	}
	return fmt.Sprintf("%s%s since %s", ErrSwitchedOff, by, s.Off.UTC().Format("2006-01-02 15:04 UTC"))
}

func keySwitch() []byte { return kv.Key(prefix, "switch") }

func getSwitch(tx kv.Tx) (Switch, error) {
	s, err := kv.GetJSON[Switch](tx, keySwitch())
	if errors.Is(err, kv.ErrNotFound) {
		return Switch{}, nil
	}
	return s, err
}

// Switch says whether new deals are made.
func (d *Deals) Switch(ctx context.Context) (s Switch, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		s, err = getSwitch(tx)
		return err
	})
	return s, err
}

// SetSwitch has new deals made, or not, from now on and over restarts. by is who
// wants it so. Off, it stops deals that their providers have not heard of, too.
func (d *Deals) SetSwitch(ctx context.Context, on bool, by string) error {
	err := d.store.Update(ctx, func(tx kv.Tx) error {
		s, err := getSwitch(tx)
		switch {
		case err != nil || on == s.Off.IsZero():
			return err
		case on:
			return tx.Delete(keySwitch())
		}
		return kv.PutJSON(tx, keySwitch(), Switch{Off: d.queue.Now(), By: short(by)})
	})
	// What waits says why, or goes on. A crash before this costs one switchedLook.
	if err == nil {
		err = errors.Join(d.queue.Wake(ctx, kindReplicate), d.queue.Wake(ctx, kindDeal))
	}
	if err != nil {
		return fmt.Errorf("switch the making of deals: %w", err)
	}
	return nil
}

// mayMake says until when, and why, a deal is not to be made now.
func (d *Deals) mayMake(tx kv.Tx) error {
	s, err := getSwitch(tx)
	if err != nil || s.Off.IsZero() {
		return err
	}
	return &errNotNow{reason: s.reason(), until: d.queue.Now().Add(switchedLook)}
}
