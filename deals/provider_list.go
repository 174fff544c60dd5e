package deals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/whypfs/whypfs/kv"
)

var (
	// ErrNotListed says that a provider is not one to choose from.
	ErrNotListed = errors.New("provider is not listed")
	// ErrProviderSetting says that the settings have the last word on a provider.
	ErrProviderSetting = errors.New("the provider stands in --provider, or is the sandbox's: only its name is said here")
)

// Where it is said that there is a provider to choose from.
const (
	SourceSetting = "setting" // Options.Providers
	SourceAdded   = "added"   // AddProvider
)

// A listedRow is a provider that was added while the node ran. It stays when the
// provider is removed: its deals go on, are reached in the same way, and stand
// for the same owner and region.
type listedRow struct {
	ProviderConfig
	Removed time.Time // zero: it is one to choose from
}

func keyListed(addr string) []byte { return kv.Key(prefix, "listed", addr) }

// list returns the providers to choose from: those of the settings, which win
// over what was added, then the others by address.
func (d *Deals) list(tx kv.Tx) ([]ProviderConfig, error) {
	out := slices.Clone(d.opt.Providers)
	for row, err := range scanListed(tx) {
		if err != nil {
			return nil, err
		}
		if _, set := d.setting(row.Address); !set && row.Removed.IsZero() {
			out = append(out, row.ProviderConfig)
		}
	}
	return out, nil
}

func scanListed(tx kv.Tx) iter.Seq2[listedRow, error] {
	return func(yield func(listedRow, error) bool) {
		for r, err := range tx.Scan(kv.Range(prefix, "listed")) {
			var row listedRow
			if err == nil {
				err = json.Unmarshal(r.Value, &row)
			}
			if err != nil {
				err = fmt.Errorf("listed provider %x: %w", r.Key, err)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// setting is what the settings say of a provider.
func (d *Deals) setting(addr string) (ProviderConfig, bool) {
	i := slices.IndexFunc(d.opt.Providers, func(p ProviderConfig) bool { return p.Address == addr })
	if i < 0 {
		return ProviderConfig{}, false
	}
	return d.opt.Providers[i], true
}

// config is what the operator says of a provider, or said before he removed it.
// One of which he said nothing is talked to in the usual way. source is "" if it
// is none to choose from.
func (d *Deals) config(tx kv.Tx, addr string) (p ProviderConfig, source string, err error) {
	if p, set := d.setting(addr); set {
		return p, SourceSetting, nil
	}
	row, err := kv.GetJSON[listedRow](tx, keyListed(addr))
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return ProviderConfig{Address: addr}, "", nil
	case err == nil && row.Removed.IsZero():
		source = SourceAdded
	}
	return row.ProviderConfig, source, err
}

// errUnreadable is no fault of a provider's.
var errUnreadable = errors.New("read what is said of provider")

// configNow is config for who has no transaction.
func (d *Deals) configNow(ctx context.Context, addr string) (p ProviderConfig, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		p, _, err = d.config(tx, addr)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("%w %s: %w", errUnreadable, addr, err)
	}
	return p, nil
}

// listNow is list for who has no transaction.
func (d *Deals) listNow(ctx context.Context) (list []ProviderConfig, err error) {
	err = d.store.View(ctx, func(tx kv.Tx) error {
		list, err = d.list(tx)
		return err
	})
	return list, err
}

// AddProvider adds a provider to those to choose from, over restarts. Of one that
// is there it says something anew. A registration of it holds: one that is
// suspended stays so.
func (d *Deals) AddProvider(ctx context.Context, addr string, c ProviderChange) error {
	err := d.relist(ctx, addr, c, func(_ kv.Tx, addr string, row listedRow, source string) (listedRow, error) {
		if source == "" {
			row = listedRow{ProviderConfig: ProviderConfig{Address: addr}}
		}
		return row, nil
	})
	if err != nil {
		return fmt.Errorf("add provider: %w", err)
	}
	return nil
}

// SetProvider says something anew of a provider that is one to choose from.
func (d *Deals) SetProvider(ctx context.Context, addr string, c ProviderChange) error {
	err := d.relist(ctx, addr, c, func(_ kv.Tx, _ string, row listedRow, source string) (listedRow, error) {
		if source == "" {
			return row, ErrNotListed
		}
		return row, nil
	})
	if err != nil {
		return fmt.Errorf("set provider: %w", err)
	}
	return nil
}

// RemoveProvider takes a provider from those to choose from. Deals that it knows
// of go on.
func (d *Deals) RemoveProvider(ctx context.Context, addr string) error {
	err := d.relist(ctx, addr, ProviderChange{}, func(tx kv.Tx, addr string, row listedRow, source string) (listedRow, error) {
		switch source {
		case "":
			return row, ErrNotListed
		case SourceSetting:
			return row, ErrProviderSetting
		}
		row.Removed = d.queue.Now()
		return row, d.dropUnsent(tx, addr)
	})
	if err != nil {
		return fmt.Errorf("remove provider: %w", err)
	}
	return nil
}

// relist changes the row of a provider, as edit and then the change say, and has
// everyone look again at whom there is to choose from.
func (d *Deals) relist(ctx context.Context, addr string, c ProviderChange, edit func(tx kv.Tx, addr string, row listedRow, source string) (listedRow, error)) error {
	addr, err := providerAddress(addr)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx kv.Tx) error {
		p, source, err := d.config(tx, addr)
		if err != nil {
			return err
		}
		row, err := edit(tx, addr, listedRow{ProviderConfig: p}, source)
		switch {
		case err != nil:
		case source != SourceSetting:
			if err = c.apply(&row.ProviderConfig); err == nil {
				err = kv.PutJSON(tx, keyListed(addr), row)
			}
		case len(c.attributes()) > 0:
			err = ErrProviderSetting
		}
		if err == nil && c.Name != nil {
			err = editRegistration(tx, addr, func(r *Registration) error { r.Name = *c.Name; return nil })
		}
		if err != nil {
			return fmt.Errorf("%s: %w", addr, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.mk12.Forget(addr)
	return d.lookAgain(ctx)
}

// lookAgain has pieces that wait for a provider look at the list again, and who
// goes by the list. A crash before this costs an hour.
func (d *Deals) lookAgain(ctx context.Context) error {
	d.mu.Lock()
	close(d.relisted)
	d.relisted = make(chan struct{})
	d.mu.Unlock()
	return d.queue.Wake(ctx, kindReplicate)
}

// nextList returns a channel that is closed when the list of providers changes.
func (d *Deals) nextList() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.relisted
}

// dropUnsent drops the deals with a provider that it has not heard of, and has
// others chosen for them.
func (d *Deals) dropUnsent(tx kv.Tx, addr string) error {
	var unsent []dealRow
	for r, err := range tx.Scan(kv.Range(prefix, "flight", addr)) {
		var id string
		if err == nil {
			err = kv.Unkey(r.Key, nil, nil, nil, &id)
		}
		if err != nil {
			return err
		}
		row, err := getDeal(tx, id)
		if errors.Is(err, errDamaged) {
			continue // nor does it stop its job from saying so
		}
		if err != nil {
			return err
		}
		if row.State == DealProposed && !row.Sent {
			unsent = append(unsent, row)
		}
	}
	for _, row := range unsent {
		if err := errors.Join(dropDeal(tx, row), d.queue.Add(tx, kindReplicate, row.Piece, time.Time{})); err != nil {
			return err
		}
	}
	return nil
}
