package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/whypfs/whypfs/kv"
)

var (
	ErrNoInvite     = errors.New("no such invite")
	ErrInviteUsed   = errors.New("invite is used already")
	ErrInviteExists = errors.New("invite code is taken")
)

const (
	maxInvite  = 64 // characters of a code
	madeInvite = 20
)

// Invite lets one person register. Its code is kept in the clear, as admins look
// it up; it is worth no more than an empty account.
type Invite struct {
	Code      string
	By        string // name of who made it
	Created   time.Time
	ClaimedBy string // name of who used it; "" if nobody did
	Claimed   time.Time
}

func inviteKey(code string) []byte { return kv.Key("acct", "invite", code) }

// CreateInvite makes an invite in the name of who makes it; an empty code is
// chosen at random.
func (a *Accounts) CreateInvite(ctx context.Context, code, by string) (Invite, error) {
	return ask(ctx, a, opCreateInvite, inviteIn{exact(code), exact(by)})
}

type inviteIn struct{ Code, By exact }

var opCreateInvite = change("invite.create", func(a *local, ctx context.Context, in inviteIn) (Invite, error) {
	return a.CreateInvite(ctx, string(in.Code), string(in.By))
})

func (a *local) CreateInvite(ctx context.Context, code, by string) (Invite, error) {
	if code == "" {
		code = randomText(madeInvite, alnum)
	}
	if len(code) > maxInvite || !plainName(code) {
		return Invite{}, invalid("an invite code has 1 to %d of the characters A-Z, a-z, 0-9, _, . and -", maxInvite)
	}
	made := Invite{Code: code, By: by, Created: now()}
	return made, a.update(ctx, "create invite", func(tx kv.Tx) error {
		if _, err := tx.Get(inviteKey(code)); err == nil {
			return ErrInviteExists
		} else if !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		return errors.Join(kv.PutJSON(tx, inviteKey(code), made), a.note(tx, "invite.create", code, ""))
	})
}

// Invites returns all invites, the newest first.
func (a *Accounts) Invites(ctx context.Context) ([]Invite, error) {
	return ask(ctx, a, opInvites, none{})
}

var opInvites = read("invite.list", (*local).Invites)

func (a *local) Invites(ctx context.Context, _ none) ([]Invite, error) {
	var all []Invite
	err := a.view(ctx, "list invites", func(tx kv.Tx) error {
		all = nil
		for row, err := range tx.Scan(kv.Range("acct", "invite")) {
			if err != nil {
				return err
			}
			var i Invite
			if err := json.Unmarshal(row.Value, &i); err != nil {
				return fmt.Errorf("row of an invite: %w", err)
			}
			all = append(all, i)
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b Invite) int { return b.Created.Compare(a.Created) })
	return all, err
}

// DeleteInvite takes an invite back that nobody used.
func (a *Accounts) DeleteInvite(ctx context.Context, code string) error {
	if len(code) > maxInvite {
		return ErrNoInvite
	}
	return tell(ctx, a, opDeleteInvite, exact(code))
}

var opDeleteInvite = change("invite.delete", func(a *local, ctx context.Context, code exact) (none, error) {
	return none{}, a.DeleteInvite(ctx, string(code))
})

func (a *local) DeleteInvite(ctx context.Context, code string) error {
	if len(code) > maxInvite {
		return ErrNoInvite
	}
	return a.update(ctx, "delete invite", func(tx kv.Tx) error {
		i, err := get[Invite](tx, inviteKey(code), ErrNoInvite)
		if err == nil && i.ClaimedBy != "" {
			err = ErrInviteUsed
		}
		if err != nil {
			return err
		}
		return errors.Join(tx.Delete(inviteKey(code)), a.note(tx, "invite.delete", code, ""))
	})
}

// registered are the names that V1's pages let people choose.
var registered = regexp.MustCompile(`^[a-z0-9]{1,48}$`)

// Register makes a user for whoever has an invite, or for anybody if
// registration is open: then an invite that can be claimed is, and what is no
// invite does not matter. The name is lower-cased, as V1 did. Codes are guessed
// at like passwords, so failures count for the address.
func (a *Accounts) Register(ctx context.Context, name, secret, code, addr string) (User, error) {
	return ask(ctx, a, opRegister, registerIn{exact(name), exact(secret), exact(code), addr})
}

type registerIn struct {
	Name, Secret, Code exact
	Addr               string
}

var opRegister = change("register", func(a *local, ctx context.Context, in registerIn) (User, error) {
	return a.Register(ctx, string(in.Name), string(in.Secret), string(in.Code), in.Addr)
})

func (a *local) Register(ctx context.Context, name, secret, code, addr string) (User, error) {
	if err := a.attempt(ctx, "", addr); err != nil {
		return User{}, err
	}
	u, err := a.register(ctx, strings.ToLower(name), secret, code)
	if errors.Is(err, ErrNoInvite) || errors.Is(err, ErrInviteUsed) {
		return User{}, err
	}
	return u, errors.Join(err, a.noAttempt(ctx, "", addr))
}

func (a *local) register(ctx context.Context, name, secret, code string) (User, error) {
	if err := a.view(ctx, "register", func(tx kv.Tx) error { // before the work of hashing
		_, _, err := a.claimable(tx, code)
		return err
	}); err != nil {
		return User{}, err
	}
	if !registered.MatchString(name) {
		return User{}, invalid("a username has 1 to %d of the characters a-z and 0-9", maxName)
	}
	row := userRow{Name: name, Level: LevelUser, Created: now()}
	var err error
	if row.Password, err = a.hashPassword(ctx, secret); err != nil {
		return User{}, err
	}
	var id uint64
	err = a.update(ctx, "register", func(tx kv.Tx) error {
		i, claim, err := a.claimable(tx, code)
		if err != nil {
			return err
		}
		if id, err = insertUser(tx, row); err != nil || !claim {
			return err
		}
		i.ClaimedBy, i.Claimed = name, row.Created
		return kv.PutJSON(tx, inviteKey(code), i)
	})
	if err != nil {
		return User{}, err
	}
	return a.user(id, row), nil
}

// claimable returns the invite that a registration claims, if it claims one.
func (a *local) claimable(tx kv.Tx, code string) (i Invite, claim bool, err error) {
	if len(code) > maxInvite {
		code = ""
	}
	i, err = get[Invite](tx, inviteKey(code), ErrNoInvite)
	if err == nil && i.ClaimedBy != "" {
		err = ErrInviteUsed
	}
	if a.opt.OpenRegistration && (errors.Is(err, ErrNoInvite) || errors.Is(err, ErrInviteUsed)) {
		return Invite{}, false, nil
	}
	return i, err == nil, err
}
