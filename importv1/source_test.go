package importv1_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/whypfs/whypfs/importv1"
	"github.com/whypfs/whypfs/importv1/v1test"
)

func cidOf(text string) cid.Cid {
	mh, err := multihash.Sum([]byte(text), multihash.SHA2_256, -1)
	if err != nil {
		panic(err)
	}
	return cid.NewCidV1(cid.Raw, mh)
}

// all collects a sequence: what could be read, and what could not.
func all[T any](t *testing.T, rows iter.Seq2[T, error]) (list []T, bad []string) {
	t.Helper()
	for v, err := range rows {
		var row importv1.RowError
		switch {
		case errors.As(err, &row):
			bad = append(bad, row.Error())
		case err != nil:
			t.Fatal(err)
		default:
			list = append(list, v)
		}
	}
	return list, bad
}

// newSQLite is a database in a file, whose name needs quoting in a URL.
func newSQLite(t *testing.T) (*v1test.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "estuary ?#%41.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return v1test.New(t, "sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23", " ", "%20").Replace(path)), path
}

func openSQLite(t *testing.T, path string) *importv1.Source {
	t.Helper()
	src, err := importv1.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// Rows are read in pages, whatever gorm marked as deleted is passed over, and a
// row with values of wrong types costs only itself.
func TestDatabase(t *testing.T) {
	db, path := newSQLite(t)
	const many = 2500
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range many {
		if _, err := tx.Exec("INSERT INTO contents (id, created_at, cid, name, user_id, active) VALUES ($1, $2, $3, $4, 1, 1)", i+1, v1test.Made, cidOf("x").Bytes(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{
		"UPDATE contents SET deleted_at = '2022-05-01 10:00:00+00:00' WHERE id = 3",
		"UPDATE contents SET cid = x'00ff' WHERE id = 4",
		"UPDATE contents SET created_at = 'yesterday' WHERE id = 5",
		"UPDATE contents SET user_id = 'nobody' WHERE id = 6",
		"UPDATE contents SET user_id = -1 WHERE id = 7",
		"UPDATE contents SET active = 'maybe' WHERE id = 8",
		"UPDATE contents SET name = NULL, cid = NULL, created_at = NULL, active = NULL WHERE id = 9",
		`UPDATE contents SET pin_meta = '{"a":"b","n":{"c":1}}', origins = '[{"ID":"12D3KooWx","Addrs":["/ip4/127.0.0.1/tcp/1","/ip4/127.0.0.1/tcp/2/p2p/12D3KooWy"]}]' WHERE id = 10`,
		"UPDATE contents SET pin_meta = 'x', origins = '{' WHERE id = 11",
		"UPDATE contents SET created_at = '2022-03-04 05:06:07.25 +0000 UTC m=+0.1' WHERE id = 12",
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	list, bad := all(t, openSQLite(t, path).Contents)
	if want := many - 1 - 5; len(list) != want {
		t.Errorf("%d contents were read, want %d", len(list), want)
	}
	want := []string{"contents 4: cid is no CID", "contents 5: created_at is no time", "contents 6: user_id is no number",
		"contents 7: user_id is negative", "contents 8: active is neither true nor false"}
	if got := strings.Join(bad, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("rows that could not be read:\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	byID := map[uint64]importv1.Content{}
	for _, c := range list {
		byID[c.ID] = c
	}
	if c := byID[1]; !c.CID.Equals(cidOf("x")) || c.Name != "x" || c.User != 1 || !c.Active || !c.Created.Equal(v1test.Made) {
		t.Errorf("content 1 is %+v", c)
	}
	if c := byID[9]; c.CID.Defined() || c.Name != "" || !c.Created.IsZero() || c.Active {
		t.Errorf("content 9, of nulls, is %+v", c)
	}
	if c := byID[10]; c.Meta["a"] != "b" || c.Meta["n"] != `{"c":1}` || strings.Join(c.Origins, " ") !=
		"/ip4/127.0.0.1/tcp/1/p2p/12D3KooWx /ip4/127.0.0.1/tcp/2/p2p/12D3KooWy" {
		t.Errorf("content 10 has meta %v and origins %v", c.Meta, c.Origins)
	}
	if c := byID[11]; c.Meta != nil || c.Origins != nil {
		t.Errorf("content 11 has meta %v and origins %v", c.Meta, c.Origins)
	}
	if c := byID[12]; !c.Created.Equal(v1test.Made.Add(250 * time.Millisecond)) {
		t.Errorf("content 12 was made %v", c.Created)
	}
}

// Only the hashes of tokens are read, also of those that an old V1 kept in the clear.
func TestDatabaseUsers(t *testing.T) {
	db, path := newSQLite(t)
	db.User(1, "alice", "sent by alice")
	db.User(2, "bob", "sent by bob")
	db.Token(2, "ESTnewARY", true)
	db.Insert("auth_tokens", "token", "ESToldARY", "user", 2)
	db.Insert("auth_tokens", "user", 2)
	list, bad := all(t, openSQLite(t, path).Users)
	if len(list) != 2 || list[0].Name != "alice" || len(list[0].Tokens) != 0 || list[1].ID != 2 || len(list[1].Tokens) != 2 {
		t.Fatalf("users %+v", list)
	}
	if len(bad) != 1 || !strings.Contains(bad[0], "auth_tokens 3") {
		t.Errorf("rows that could not be read: %v", bad)
	}
	// base64url of the tokens' SHA-256, by openssl
	for i, want := range []string{"U6uZfSz8FOJugogMwbdwmlDK6M1ZZTpK_jqxvPLg3i8", "Z6aDKNagugoV7oK1z2ZDNfLBm-xiIzh_7bH11K92fwg"} {
		if got := list[1].Tokens[i].Hash; got != want {
			t.Errorf("token %d has the hash %s, want %s", i, got, want)
		}
	}
	if !list[1].Tokens[0].UploadOnly || list[1].Tokens[1].UploadOnly {
		t.Errorf("tokens %+v", list[1].Tokens)
	}
}

func TestOpen(t *testing.T) {
	_, path := newSQLite(t)
	openSQLite(t, path)
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		about, path string
		want        error
	}{
		{"another database", empty, importv1.ErrNoV1},
		{"no file", filepath.Join(t.TempDir(), "absent.db"), fs.ErrNotExist},
		{"a directory", t.TempDir(), fs.ErrInvalid},
	} {
		if _, err := importv1.OpenSQLite(t.Context(), c.path); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.about, err, c.want)
		}
	}
	if _, err := importv1.OpenSQLite(t.Context(), text); err == nil {
		t.Error("a text was taken for a database")
	}
	const secret = "hunter2secret"
	for _, dsn := range []string{"postgres://u:" + secret + "@127.0.0.1:1/db?sslmode=disable", "postgres://u:" + secret + "@[::1/db", "nonsense " + secret} {
		_, err := importv1.OpenPostgres(context.WithoutCancel(t.Context()), dsn)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("a database that is not there: %v", err)
		}
	}
}
