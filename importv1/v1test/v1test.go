// Package v1test makes databases as Estuary V1 has them, for tests.
package v1test

import (
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

//go:embed schema.sql
var schema string

var types = map[string][]string{
	"sqlite": {"{id}", "integer PRIMARY KEY AUTOINCREMENT", "{int}", "integer", "{time}", "datetime", "{text}", "text", "{bytes}", "blob", "{bool}", "numeric", "{false}", "0"},
	"pgx":    {"{id}", "bigserial PRIMARY KEY", "{int}", "bigint", "{time}", "timestamptz", "{text}", "text", "{bytes}", "bytea", "{bool}", "boolean", "{false}", "false"},
}

// Made is when everything in such a database was made.
var Made = time.Date(2022, 3, 4, 5, 6, 7, 0, time.UTC)

// DB is such a database.
type DB struct {
	*sql.DB
	t      testing.TB
	driver string
}

// New makes V1's tables in a database that is reached with a driver, "sqlite" or
// "pgx", and a data source name.
func New(t testing.TB, driver, dsn string) *DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	d := &DB{DB: db, t: t, driver: driver}
	if _, err := db.Exec(strings.NewReplacer(types[driver]...).Replace(schema)); err != nil {
		t.Fatal(err)
	}
	return d
}

// Insert adds a row; columns and values take turns.
func (d *DB) Insert(table string, row ...any) {
	d.t.Helper()
	var columns, places []string
	var values []any
	for i := 0; i < len(row); i += 2 {
		columns = append(columns, `"`+row[i].(string)+`"`)
		values = append(values, row[i+1])
		places = append(places, fmt.Sprintf("$%d", len(values)))
	}
	_, err := d.Exec(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), strings.Join(places, ", ")), values...)
	if err != nil {
		d.t.Fatalf("insert into %s: %v", table, err)
	}
}

// User adds a user who had logged in with what a client of V1 sends.
func (d *DB) User(id uint64, name, sent string) {
	d.t.Helper()
	sum := sha256.Sum256([]byte(sent + "." + "salt of " + name))
	hash := string(sum[:])
	if d.driver != "sqlite" {
		hash = base64.StdEncoding.EncodeToString(sum[:])
	}
	d.Insert("users", "id", id, "created_at", Made, "uuid", "uuid of "+name, "username", name, "salt", "salt of "+name,
		"pass_hash", hash, "address", "<empty>", "perm", 2, "flags", 0, "storage_disabled", false)
}

// Token adds a token of a user's, of which V1 keeps the hash.
func (d *DB) Token(user uint64, token string, uploadOnly bool) {
	d.t.Helper()
	sum := sha256.Sum256([]byte(token))
	d.Insert("auth_tokens", "created_at", Made, "token_hash", base64.RawURLEncoding.EncodeToString(sum[:]), "label", "script",
		"user", user, "upload_only", uploadOnly, "expiry", Made.AddDate(100, 0, 0), "is_session", false)
}

// Content adds a content that V1 has; columns and values that follow are as in Insert.
func (d *DB) Content(id, user uint64, root cid.Cid, name string, more ...any) {
	d.t.Helper()
	d.Insert("contents", append([]any{"id", id, "created_at", Made, "updated_at", Made, "cid", root.Bytes(), "name", name, "user_id", user,
		"size", 12, "type", 1, "active", true, "offloaded", false, "pinning", false, "failed", false, "location", "local"}, more...)...)
}

// Deal adds a deal that is on chain.
func (d *DB) Deal(id, content uint64, provider string, chainID uint64) {
	d.t.Helper()
	d.Insert("content_deals", "id", id, "created_at", Made, "content", content, "user_id", 1, "deal_uuid", fmt.Sprintf("uuid-%d", id),
		"miner", provider, "deal_id", chainID, "failed", false, "verified", true, "slashed", false, "on_chain_at", Made.Add(time.Hour),
		"sealed_at", time.Time{}, "deal_protocol_version", "/fil/storage/mk/1.2.0")
}

// Collection adds a collection with references from paths to contents; the path
// "" stands for none.
func (d *DB) Collection(id, user uint64, uuid, name string, refs map[string]uint64) {
	d.t.Helper()
	d.Insert("collections", "id", id, "created_at", Made, "uuid", uuid, "name", name, "description", "of "+name, "user_id", user, "cid", "")
	for path, content := range refs {
		var p any
		if path != "" {
			p = path
		}
		d.Insert("collection_refs", "created_at", Made, "collection", id, "content", content, "path", p)
	}
}
