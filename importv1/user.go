package importv1

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/whypfs/whypfs/accounts"
)

// V1's permissions (estuary util/misc.go).
const (
	permUpload = 1
	permUser   = 2
	permAdmin  = 10
)

const usersTable = "users"

// users imports the users with their tokens.
func (r *run) users(src *Source) error {
	return each(r, src.Users, &r.report.Users, func(u User) error {
		r.report.Tokens.Read += len(u.Tokens)
		in, err := importOf(u)
		if err != nil {
			r.report.problem(RowError{usersTable, u.ID, err}) // he is taken, without what it is about
		}
		had, err := r.tokensHere(u)
		if err != nil {
			return err
		}
		fresh, err := r.user(in)
		if isOwn(err, accounts.ErrIDTaken, accounts.ErrUserExists, accounts.ErrInvalid) {
			r.report.Tokens.Bad += len(u.Tokens)
			return RowError{usersTable, u.ID, err}
		}
		if err != nil {
			return err
		}
		r.owners[u.ID] = true
		r.report.Users.did(fresh)
		r.report.Tokens.New += len(u.Tokens) - had
		r.report.Tokens.Had += had
		return nil
	})
}

// isOwn says whether an error is about the row alone.
func isOwn(err error, of ...error) bool {
	for _, e := range of {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// tokensHere counts those of a user's tokens that are here already.
func (r *run) tokensHere(u User) (had int, err error) {
	list, err := r.Accounts.Tokens(r.ctx, u.ID)
	if err != nil && !errors.Is(err, accounts.ErrNoUser) {
		return 0, err
	}
	here := map[string]bool{}
	for _, t := range list {
		here[t.Hash] = true
	}
	for _, t := range u.Tokens {
		if here[t.Hash] {
			had++
		}
	}
	return had, nil
}

// user imports one, or says whether he would be new.
func (r *run) user(in accounts.Import) (fresh bool, err error) {
	if !r.opt.DryRun {
		return r.Accounts.ImportUser(r.ctx, in)
	}
	if err := in.Check(); err != nil {
		return false, err
	}
	old, err := r.Accounts.User(r.ctx, in.ID)
	switch {
	case err == nil && !strings.EqualFold(old.Name, in.Name):
		return false, accounts.ErrIDTaken
	case err == nil:
		return false, nil
	case !errors.Is(err, accounts.ErrNoUser):
		return false, err
	}
	_, err = r.Accounts.UserByName(r.ctx, in.Name)
	if err == nil {
		return false, accounts.ErrUserExists
	}
	if errors.Is(err, accounts.ErrNoUser) {
		err = nil
	}
	return true, err
}

// importOf is a user as accounts takes him. The error is about his password or
// his permissions, without which he is imported then.
func importOf(u User) (accounts.Import, error) {
	in := accounts.Import{ID: u.ID, Name: u.Name, Created: u.Created, Address: u.Address}
	if in.Address == "<empty>" { // as V1 stores that there is none
		in.Address = ""
	}
	var about error
	switch {
	case u.Perm >= permAdmin:
		in.Level = accounts.LevelAdmin
	case u.Perm >= permUser:
		in.Level = accounts.LevelUser
	case u.Perm == permUpload:
		in.Level = accounts.LevelUpload
	default:
		in.Level = accounts.LevelUpload
		in.Suspended = "had no permissions at Estuary V1"
	}
	if u.StorageDisabled {
		about = errors.New("V1 let him store nothing more (storage_disabled); see `whypfs user quota`")
	}
	var err error
	if in.Password, err = password(u.Hash, u.Salt); err != nil {
		about = errors.Join(about, err)
	}
	for _, t := range u.Tokens {
		level := in.Level
		if t.UploadOnly {
			level = accounts.LevelUpload
		}
		in.Tokens = append(in.Tokens, accounts.ImportToken{
			Hash: t.Hash, Level: level, Label: t.Label, Session: t.Session, Created: t.Created, Expires: t.Expires,
		})
	}
	return in, about
}

// password reads a password as V1 stored it (estuary api/v1/handlers.go,
// handleLoginUser): bcrypt by its command line; without a salt what the client
// sends; else SHA-256 of that, ".", and the salt, as bytes in SQLite and in
// base64 elsewhere.
func password(hash, salt string) (accounts.ImportPassword, error) {
	switch {
	case hash == "":
		return accounts.ImportPassword{}, nil
	case strings.HasPrefix(hash, "$2"):
		return accounts.ImportPassword{Bcrypt: hash}, nil
	case salt == "":
		sum := sha256.Sum256([]byte(hash + "."))
		return accounts.ImportPassword{SHA256: hex.EncodeToString(sum[:])}, nil
	case len(hash) == sha256.Size:
		return accounts.ImportPassword{SHA256: hex.EncodeToString([]byte(hash)), Salt: salt}, nil
	}
	sum, err := base64.StdEncoding.DecodeString(hash)
	if err != nil || len(sum) != sha256.Size {
		return accounts.ImportPassword{}, errors.New("the hash of his password has no form of V1's: he has to be given a new one, see `whypfs user passwd`")
	}
	return accounts.ImportPassword{SHA256: hex.EncodeToString(sum), Salt: salt}, nil
}

// invites imports those that nobody has used.
func (r *run) invites(src *Source) error {
	here := map[string]bool{}
	if src.Invites != nil {
		list, err := r.Accounts.Invites(r.ctx)
		if err != nil {
			return err
		}
		for _, i := range list {
			here[i.Code] = true
		}
	}
	return each(r, src.Invites, &r.report.Invites, func(i Invite) error {
		switch {
		case i.ClaimedBy != 0:
			r.report.Invites.Skipped++
			return nil
		case here[i.Code]:
			r.report.Invites.Had++
			return nil
		}
		by := "user " + strconv.FormatUint(i.CreatedBy, 10) + " of V1"
		if u, err := r.Accounts.User(r.ctx, i.CreatedBy); err == nil && r.owners[i.CreatedBy] {
			by = u.Name
		}
		var err error
		if !r.opt.DryRun {
			_, err = r.Accounts.CreateInvite(r.ctx, i.Code, by)
		}
		if isOwn(err, accounts.ErrInvalid, accounts.ErrInviteExists) {
			return RowError{"invite_codes", 0, err}
		}
		if err == nil {
			r.report.Invites.New++
		}
		return err
	})
}
