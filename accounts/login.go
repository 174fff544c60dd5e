package accounts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// How many logins may fail in an attemptWindow and the one before it. Beyond
// that none is tried until the next window, not even with the right password:
// otherwise guessing would go on unhindered.
const (
	attemptWindow = 15 * time.Minute
	maxByBoth     = 10  // for a name from an address
	maxByAddress  = 50  // for any names from an address, behind which many people may be
	maxByName     = 500 // for a name from anywhere: high, for whoever fills it locks the user out

	dropWindows = 200 // rows of old windows that one attempt removes
)

// TooManyError says that logins failed too often.
type TooManyError struct{ Wait time.Duration }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many failed logins: try again in %v", e.Wait.Round(time.Second))
}

// Login checks a password, or what a V1 client made of it. It answers
// ErrPassword for an unknown name too, in the same time.
func (a *Accounts) Login(ctx context.Context, name, secret string) (User, error) {
	return ask(ctx, a, opLogin, loginIn{Name: exact(name), Secret: exact(secret)})
}

type loginIn struct {
	Name, Secret exact
	Addr         string `json:",omitzero"`
}

var opLogin = change("login", func(a *local, ctx context.Context, in loginIn) (User, error) {
	return a.Login(ctx, string(in.Name), string(in.Secret))
})

func (a *local) Login(ctx context.Context, name, secret string) (User, error) {
	id, row, err := a.byName(ctx, name)
	if err != nil && !errors.Is(err, ErrNoUser) {
		return User{}, err
	}
	// Without a user, or with one that has no password, there is a hash to check
	// all the same; it is of nothing that can be entered.
	ok, upgrade, err := a.verify(ctx, row.Password, secret)
	if err != nil {
		return User{}, fmt.Errorf("password of user %d: %w", id, err)
	}
	if !ok {
		return User{}, ErrPassword
	}
	if err := row.suspended(); err != nil {
		return User{}, err // told only to who knows the password
	}
	if upgrade != "" {
		if err := a.upgrade(ctx, id, row.Password, upgrade); err != nil {
			return User{}, err
		}
	}
	return a.user(id, row), nil
}

// upgrade keeps a password in the first form, unless it was changed meanwhile.
func (a *local) upgrade(ctx context.Context, user uint64, from, hash string) error {
	stored, err := a.keep(ctx, hash)
	if err != nil {
		return err
	}
	return a.update(ctx, fmt.Sprintf("upgrade password of user %d", user), func(tx kv.Tx) error {
		row, err := get[userRow](tx, userKey(user), ErrNoUser)
		if err != nil || row.Password != from {
			return err
		}
		row.Password = stored
		return kv.PutJSON(tx, userKey(user), row)
	})
}

// LoginFrom is Login for a client at an address, whose failures are counted; a
// *TooManyError says that there were too many. Everything that takes logins of
// strangers uses it, so that they count together.
func (a *Accounts) LoginFrom(ctx context.Context, name, secret, addr string) (User, error) {
	return ask(ctx, a, opLoginFrom, loginIn{exact(name), exact(secret), addr})
}

var opLoginFrom = change("login.from", func(a *local, ctx context.Context, in loginIn) (User, error) {
	return a.LoginFrom(ctx, string(in.Name), string(in.Secret), in.Addr)
})

func (a *local) LoginFrom(ctx context.Context, name, secret, addr string) (User, error) {
	if err := a.attempt(ctx, name, addr); err != nil {
		return User{}, err
	}
	u, err := a.Login(ctx, name, secret)
	if errors.Is(err, ErrPassword) {
		return User{}, err
	}
	// Whoever knows the password, and whom we failed, did not guess.
	return u, errors.Join(err, a.noAttempt(ctx, name, addr))
}

// attempt counts an attempt before it is made, so that parallel ones count too.
// Name "" is for attempts at something else than a user.
func (a *local) attempt(ctx context.Context, name, addr string) error {
	at := time.Now()
	rows := attemptRows(name, addr)
	return a.update(ctx, "count login", func(tx kv.Tx) error {
		window := windowOf(at)
		for _, r := range rows {
			before, now, err := r.counts(tx, window)
			if err != nil {
				return err
			}
			if before+now >= r.most {
				return &TooManyError{r.wait(now, window, at)}
			}
			if err := kv.PutJSON(tx, attemptKey(window, r.kind, r.who), now+1); err != nil {
				return err
			}
		}
		return dropAttempts(tx, window)
	})
}

// noAttempt takes one back that was no guess.
func (a *local) noAttempt(ctx context.Context, name, addr string) error {
	window := windowOf(time.Now())
	rows := attemptRows(name, addr)
	return a.update(ctx, "count login", func(tx kv.Tx) error {
		for _, r := range rows {
			key := attemptKey(window, r.kind, r.who)
			n, err := get[int](tx, key, nil)
			switch {
			case err != nil:
				return err
			case n > 1:
				err = kv.PutJSON(tx, key, n-1)
			case n == 1:
				err = tx.Delete(key)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// attemptRow is one of the counts that an attempt is part of.
type attemptRow struct {
	kind, who string
	most      int
}

func attemptRows(name, addr string) []attemptRow {
	if name = strings.ToLower(name); len(name) > maxName {
		name = name[:maxName] // nobody's, and still to be counted
	}
	addr = attemptAddress(addr)
	rows := []attemptRow{{"address", addr, maxByAddress}, {"both", addr + " " + name, maxByBoth}}
	if name != "" {
		rows = append(rows, attemptRow{"name", name, maxByName})
	}
	return rows
}

// counts are those of a window and the one before it.
func (r attemptRow) counts(tx kv.Tx, window uint64) (before, now int, err error) {
	before, err1 := get[int](tx, attemptKey(window-1, r.kind, r.who), nil)
	now, err2 := get[int](tx, attemptKey(window, r.kind, r.who), nil)
	return before, now, errors.Join(err1, err2)
}

// wait is how long there are too many.
func (r attemptRow) wait(now int, window uint64, at time.Time) time.Duration {
	end := time.Unix(0, 0).Add(time.Duration(window+1) * attemptWindow)
	if now >= r.most {
		end = end.Add(attemptWindow)
	}
	return max(end.Sub(at), time.Second)
}

func windowOf(t time.Time) uint64 {
	return uint64(max(t.Unix(), 0)) / uint64(attemptWindow/time.Second)
}

func attemptKey(window uint64, kind, who string) []byte {
	return kv.Key("acct", "try", window, kind, who)
}

// dropAttempts removes some rows of windows that count no more.
func dropAttempts(tx kv.Tx, window uint64) error {
	var old [][]byte
	from, _ := kv.Range("acct", "try")
	to := kv.Key("acct", "try", window-1)
	for row, err := range tx.Scan(from, to) {
		if err != nil {
			return err
		}
		if old = append(old, append([]byte(nil), row.Key...)); len(old) == dropWindows {
			break
		}
	}
	for _, key := range old {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// attemptAddress is what attempts of a client are counted for: of IPv6 the /64,
// which one subscriber has whole. addr is an address, with or without a port.
func attemptAddress(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if ap, withPort := netip.ParseAddrPort(addr); withPort == nil {
		ip, err = ap.Addr(), nil
	}
	if err != nil {
		return "?"
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			ip = p.Addr()
		}
	}
	return ip.String()
}
