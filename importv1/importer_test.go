package importv1_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/importv1"
	"github.com/whypfs/whypfs/importv1/v1test"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/kv/kvtest"
	"github.com/whypfs/whypfs/node"
	"github.com/whypfs/whypfs/queue"
)

// target is a node that is moved to.
type target struct {
	*importv1.Importer
	t     *testing.T
	store *kvtest.Faulty
}

func newTarget(t *testing.T) *target {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	store, err := kv.OpenBolt(ctx, filepath.Join(dir, "meta.db"), kv.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	faulty := &kvtest.Faulty{Store: kvtest.Rerun(store)}
	n, err := node.Open(ctx, node.Config{Dir: filepath.Join(dir, "node")})
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.Open(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(faulty, queue.Options{})
	b := buckets.New(faulty, n, q, buckets.Options{})
	d := deals.New(faulty, n, q, box, deals.Options{})
	x := &target{t: t, store: faulty, Importer: &importv1.Importer{
		Accounts: accounts.New(faulty, box, accounts.Options{}), Buckets: b, Collections: collections.New(faulty, b, q), Deals: d,
	}}
	t.Cleanup(func() {
		faulty.Choose(nil)
		if err := errors.Join(b.Check(ctx), x.Collections.Check(ctx), n.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return x
}

func (x *target) do(src *importv1.Source, opt importv1.Options) importv1.Report {
	x.t.Helper()
	r, err := x.Import(x.t.Context(), src, opt)
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

const shelf = "b54bb6b4-7f0f-4f2c-9a3e-1d2b3c4d5e6f"

// fill makes what an import meets: two users who can be taken and some who
// cannot, contents of each kind, a collection, and deals.
func fill(db *v1test.DB) {
	db.User(2, "alice", "sent by alice")
	db.User(3, "bob", "sent by bob")
	db.User(4, "no name, this", "x")
	db.Insert("users", "id", 5, "username", "carol", "pass_hash", "neither", "salt", "s", "perm", 10, "address", "", "storage_disabled", true)
	db.Token(2, "EST1ARY", false)
	db.Token(3, "EST2ARY", true)
	db.Token(4, "EST3ARY", true)
	db.Insert("invite_codes", "id", 1, "code", "welcome", "created_by", 2, "claimed_by", 0)
	db.Insert("invite_codes", "id", 2, "code", "used", "created_by", 2, "claimed_by", 3)
	db.Content(11, 2, cidOf("a"), "a.txt")
	db.Content(12, 2, cidOf("b"), strings.Repeat("long", 100), "aggregated_in", 20)
	db.Content(13, 4, cidOf("c"), "of a user who is not taken")
	db.Content(14, 2, cidOf("d"), "failed", "description", "x")
	db.Content(15, 3, cidOf("e"), "of bob", "pin_meta", `{"k":"v"}`)
	db.Content(20, 2, cidOf("z"), "aggregate", "aggregate", true)
	db.Content(21, 2, cidOf("z"), "part", "split_from", 11)
	db.Content(22, 2, cidOf("z"), "about to go", "replace", true)
	if _, err := db.Exec("UPDATE contents SET failed = 1, active = 0 WHERE id = 14"); err != nil {
		panic(err)
	}
	db.Collection(1, 2, shelf, "shelf", map[string]uint64{"/d/a.txt": 11, "": 12, "/of bob": 15, "/aggregate": 20})
	db.Deal(1, 11, "f01000", 77)
	db.Deal(2, 20, "f01001", 78)
}

func TestImport(t *testing.T) {
	db, path := newSQLite(t)
	fill(db)
	src := openSQLite(t, path)
	x := newTarget(t)
	told := x.do(src, importv1.Options{DryRun: true})
	did := x.do(src, importv1.Options{})
	for _, c := range []struct {
		what      string
		got, want importv1.Count
	}{
		{"users", did.Users, importv1.Count{Read: 4, New: 3, Bad: 1}},
		{"tokens", did.Tokens, importv1.Count{Read: 3, New: 2, Bad: 1}},
		{"invites", did.Invites, importv1.Count{Read: 2, New: 1, Skipped: 1}},
		{"contents", did.Contents, importv1.Count{Read: 8, New: 3, Skipped: 4, Bad: 1}},
		{"collections", did.Collections, importv1.Count{Read: 1, New: 1}},
		{"entries", did.Entries, importv1.Count{Read: 4, New: 2, Bad: 2}},
		{"deals", did.Deals, importv1.Count{Read: 2, New: 2}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, c.got, c.want)
		}
	}
	told.Entries, told.Problems = did.Entries, did.Problems // only there it cannot know
	if fmt.Sprint(told) != fmt.Sprint(did) {
		t.Errorf("a dry run told %+v, and the import did %+v", told, did)
	}
	// 4 has no name that is one, 5 no password and was disabled, 13 is 4's, 15 is not alice's, 20 is an aggregate
	if got := strings.Join(did.Problems, "\n"); len(did.Problems) != 5 || strings.Contains(got, "neither") {
		t.Errorf("problems:\n%s", got)
	}
	x.checkUsers()
	x.checkContents()

	again := x.do(src, importv1.Options{})
	if again.Users.New+again.Tokens.New+again.Invites.New+again.Contents.New+again.Collections.New+again.Entries.New+again.Deals.New != 0 {
		t.Errorf("again it did %+v", again)
	}
	db.User(6, "dave", "sent by dave")
	db.Content(30, 6, cidOf("new"), "new")
	db.Collection(2, 6, "c54bb6b4-7f0f-4f2c-9a3e-1d2b3c4d5e6f", "new", map[string]uint64{"/new": 30})
	if more := x.do(src, importv1.Options{}); more.Users.New != 1 || more.Contents.New != 1 || more.Entries.New != 1 || more.Contents.Had != 3 {
		t.Errorf("with something new it did %+v", more)
	}
}

func (x *target) checkUsers() {
	x.t.Helper()
	ctx := x.t.Context()
	for _, c := range []struct {
		name, secret string
		id           uint64
		level        accounts.Level
	}{{"alice", "sent by alice", 2, accounts.LevelUser}, {"bob", "sent by bob", 3, accounts.LevelUser}} {
		u, err := x.Accounts.UserByName(ctx, c.name)
		if err != nil || u.ID != c.id || u.Level != c.level {
			x.t.Errorf("user %s is %+v, %v", c.name, u, err)
		}
	}
	for token, level := range map[string]accounts.Level{"EST1ARY": accounts.LevelUser, "EST2ARY": accounts.LevelUpload} {
		if _, got, err := x.Accounts.Token(ctx, token); err != nil || got.Level != level || got.Label != "script" {
			x.t.Errorf("token %s is %+v, %v, want level %v", token, got, err, level)
		}
	}
	if _, _, err := x.Accounts.Token(ctx, "EST3ARY"); !errors.Is(err, accounts.ErrNoToken) {
		x.t.Errorf("the token of a user who was not taken: %v", err)
	}
}

func (x *target) checkContents() {
	x.t.Helper()
	ctx := x.t.Context()
	p, err := x.Buckets.PinByID(ctx, 2, 11)
	if err != nil || !p.CID.Equals(cidOf("a")) || p.Name != "a.txt" || !p.Created.Equal(v1test.Made) {
		x.t.Errorf("content 11 is %+v, %v", p, err)
	}
	if p, err := x.Buckets.PinByID(ctx, 3, 15); err != nil || p.Meta["k"] != "v" {
		x.t.Errorf("content 15 is %+v, %v", p, err)
	}
	if p, err := x.Buckets.PinByID(ctx, 2, 12); err != nil || len(p.Name) != 255 {
		x.t.Errorf("content 12 is %+v, %v", p, err)
	}
	col, err := x.Collections.Collection(ctx, 2, shelf)
	if err != nil || col.Name != "shelf" || col.Description != "of shelf" || !col.Created.Equal(v1test.Made) {
		x.t.Errorf("collection %+v, %v", col, err)
	}
	page, err := x.Collections.Entries(ctx, col, "", 10)
	if err != nil || len(page.Entries) != 2 || page.Entries[0].Path != "/d/a.txt" || page.Entries[0].ID() != 11 || page.Entries[1].ID() != 12 {
		x.t.Errorf("entries %+v, %v", page, err)
	}
	for content, want := range map[uint64]uint64{11: 77, 12: 78} { // 12 was gathered into 20
		if list, err := x.Deals.ForeignOf(ctx, content); err != nil || len(list) != 1 || list[0].ChainID != want {
			x.t.Errorf("deals of content %d: %+v, %v", content, list, err)
		}
	}
}

// An import that fails at any of its writes, whether that was applied or not,
// and is begun again, ends with what one without a fault ends with.
func TestImportFaults(t *testing.T) {
	db, path := newSQLite(t)
	fill(db)
	src := openSQLite(t, path)
	for _, fault := range []kvtest.Fault{kvtest.Before, kvtest.Applied} {
		for at := 0; ; at++ {
			x := newTarget(t)
			failed := false
			x.store.Choose(func(n int) kvtest.Fault {
				if n != at {
					return kvtest.None
				}
				failed = true
				return fault
			})
			_, err := x.Import(t.Context(), src, importv1.Options{})
			if !failed {
				if at < 8 {
					t.Errorf("an import of only %d writes", at)
				}
				break
			}
			if !errors.Is(err, kvtest.ErrFault) {
				t.Errorf("write %d failed, and the import ended with %v", at, err)
			}
			x.store.Choose(nil)
			x.do(src, importv1.Options{})
			x.checkUsers()
			x.checkContents()
		}
	}
}

// Names and numbers that others have here are told, and theirs stay.
func TestImportConflicts(t *testing.T) {
	db, path := newSQLite(t)
	fill(db)
	x := newTarget(t)
	ctx := t.Context()
	for _, name := range []string{"root", "other", "BOB"} { // 1, 2, 3
		if _, err := x.Accounts.CreateUser(ctx, name, "password1", accounts.LevelUser); err != nil {
			t.Fatal(err)
		}
	}
	for _, opt := range []importv1.Options{{DryRun: true}, {}} {
		r := x.do(openSQLite(t, path), opt)
		if r.Users.Bad != 2 || r.Users.Had != 1 || r.Users.New != 1 || r.Contents.New != 1 || r.Contents.Bad != 3 || r.Collections.Bad != 1 {
			t.Errorf("dry run %v: %+v", opt.DryRun, r)
		}
	}
	if u, err := x.Accounts.Login(ctx, "bob", "password1"); err != nil || u.ID != 3 {
		t.Errorf("the user who was here: %+v, %v", u, err)
	}
	if _, err := x.Buckets.PinByID(ctx, 0, 11); !errors.Is(err, buckets.ErrNoPin) {
		t.Errorf("a content of another user: %v", err)
	}
}
