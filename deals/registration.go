package deals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/filecoin-project/go-address"
	"github.com/whypfs/whypfs/kv"
)

var (
	ErrProviderAddress = errors.New("no address of a provider, such as f01234")
	ErrNotRegistered   = errors.New("provider is not registered")
	ErrProviderLocked  = errors.New("provider is suspended by an admin")
	ErrProviderText    = errors.New("a name or reason has at most 255 bytes of UTF-8") // and a reason one at least
)

// maxProviderText bounds a name or a reason, in bytes.
const maxProviderText = 255

// Registration is what people have said of a provider: who proved that it is
// his, its name, and why it gets no deals. The operator's list decides which
// providers there are to choose from; registering adds none to it.
type Registration struct {
	Address   string
	User      uint64    // who has proved that he has its worker's key; 0: nobody
	Claimed   time.Time // when
	Name      string
	Suspended string // why it gets no deals; "": it may
	ByAdmin   bool   // an admin suspended it, so its user cannot take that back
}

func keyRegistration(addr string) []byte { return kv.Key(prefix, "registered", addr) }

// Registration returns what is registered of a provider, or ErrNotRegistered.
func (d *Deals) Registration(ctx context.Context, addr string) (r Registration, err error) {
	if addr, err = providerAddress(addr); err != nil {
		return r, err
	}
	err = d.store.View(ctx, func(tx kv.Tx) error {
		r, err = registration(tx, addr)
		return err
	})
	return r, err
}

func registration(tx kv.Tx, addr string) (Registration, error) {
	r, err := kv.GetJSON[Registration](tx, keyRegistration(addr))
	if errors.Is(err, kv.ErrNotFound) {
		err = fmt.Errorf("%s: %w", addr, ErrNotRegistered)
	}
	r.Address = addr
	return r, err
}

// Registrations returns all of them, or those of a user; 0: everybody's.
func (d *Deals) Registrations(ctx context.Context, user uint64) ([]Registration, error) {
	var list []Registration
	err := d.store.View(ctx, func(tx kv.Tx) error {
		list = nil
		for row, err := range tx.Scan(kv.Range(prefix, "registered")) {
			if err != nil {
				return err
			}
			var r Registration
			if err := json.Unmarshal(row.Value, &r); err != nil {
				return fmt.Errorf("registration %x: %w", row.Key, err)
			}
			if user == 0 || r.User == user {
				list = append(list, r)
			}
		}
		return nil
	})
	return list, err
}

// SetProviderName names a provider for people.
func (d *Deals) SetProviderName(ctx context.Context, addr, name string) error {
	if !fitting(name) {
		return ErrProviderText
	}
	return d.register(ctx, addr, func(_ kv.Tx, r *Registration) error { r.Name = name; return nil })
}

// SuspendProvider has a provider get no more deals; those that it knows of go on.
// If an admin does it, its user cannot take it back.
func (d *Deals) SuspendProvider(ctx context.Context, addr, reason string, byAdmin bool) error {
	if reason == "" || !fitting(reason) {
		return ErrProviderText
	}
	return d.register(ctx, addr, func(tx kv.Tx, r *Registration) error {
		if r.ByAdmin && !byAdmin {
			return ErrProviderLocked // his reason would take the place of the admin's
		}
		r.Suspended, r.ByAdmin = reason, byAdmin
		return d.dropUnsent(tx, r.Address)
	})
}

// UnsuspendProvider lets a provider get deals again. If an admin does it, pieces
// that wait for a provider notice at once, else within the hour: who owns a
// provider cannot keep us busy.
func (d *Deals) UnsuspendProvider(ctx context.Context, addr string, byAdmin bool) error {
	err := d.register(ctx, addr, func(_ kv.Tx, r *Registration) error {
		if r.ByAdmin && !byAdmin {
			return ErrProviderLocked
		}
		r.Suspended, r.ByAdmin = "", false
		return nil
	})
	if err != nil || !byAdmin {
		return err
	}
	return d.lookAgain(ctx)
}

// register changes what is registered of a provider of which anything is known.
func (d *Deals) register(ctx context.Context, addr string, change func(kv.Tx, *Registration) error) error {
	addr, err := providerAddress(addr)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx kv.Tx) error {
		known, err := d.knows(tx, addr)
		if err == nil && !known {
			err = ErrNotRegistered
		}
		if err == nil {
			err = editRegistration(tx, addr, func(r *Registration) error { return change(tx, r) })
		}
		if err != nil {
			return fmt.Errorf("%s: %w", addr, err)
		}
		return nil
	})
}

// knows says that a provider is registered or listed, or was, or has been asked for a deal.
func (d *Deals) knows(tx kv.Tx, addr string) (bool, error) {
	if _, set := d.setting(addr); set {
		return true, nil
	}
	for _, key := range [][]byte{keyRegistration(addr), keyListed(addr), keyProvider(addr)} {
		if _, err := tx.Get(key); !errors.Is(err, kv.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}

// editRegistration changes what is registered of a provider, or makes a
// registration that is nobody's.
func editRegistration(tx kv.Tx, addr string, edit func(*Registration) error) error {
	r, err := registration(tx, addr)
	if err != nil && !errors.Is(err, ErrNotRegistered) {
		return err
	}
	if err := edit(&r); err != nil {
		return err
	}
	return kv.PutJSON(tx, keyRegistration(addr), r)
}

// providerAddress is an address as the rows have it.
func providerAddress(s string) (string, error) {
	a, err := address.NewFromString(s)
	if err != nil || a.Protocol() != address.ID {
		return "", fmt.Errorf("%q: %w", s[:min(len(s), 100)], ErrProviderAddress)
	}
	return a.String(), nil
}
