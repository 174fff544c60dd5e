package importv1

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"

	"github.com/whypfs/whypfs/accounts"
)

// pageSize is how many rows one query asks for.
const pageSize = 1000

// ErrNoV1 says that a database is not one of Estuary V1.
var ErrNoV1 = errors.New("it has none of the tables of an Estuary V1 database")

// OpenSQLite reads V1's database file. A node of V1 may be running on it.
func OpenSQLite(ctx context.Context, path string) (*Source, error) {
	// A driver would make a new file of a name that was mistyped.
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, errors.Unwrap(err))
	} else if info.IsDir() {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrInvalid)
	}
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro"}).String()
	return open(ctx, "sqlite", name, path)
}

// OpenPostgres reads V1's database in PostgreSQL. A connection string may hold a
// password, so no error tells it.
func OpenPostgres(ctx context.Context, dsn string) (*Source, error) {
	return open(ctx, "pgx", dsn, "the PostgreSQL database")
}

func open(ctx context.Context, driver, dsn, name string) (*Source, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, withoutDSN(err, dsn))
	}
	// One connection reads while another follows what is referred to.
	db.SetMaxOpenConns(4)
	d := database{ctx: ctx, db: db}
	if err := d.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, withoutDSN(err, dsn)), db.Close())
	}
	return &Source{
		Users:       d.users(),
		Invites:     table(d, "invite_codes", "", inviteOf),
		Contents:    table(d, "contents", "", contentOf),
		Collections: table(d, "collections", "", collectionOf),
		Deals:       table(d, "content_deals", "", dealOf),
		Refs: func(collection uint64) iter.Seq2[Ref, error] {
			return table(d, "collection_refs", fmt.Sprintf("collection = %d", collection), refOf)
		},
		close: db.Close,
	}, nil
}

// withoutDSN is an error whose text does not hold the connection string.
func withoutDSN(err error, dsn string) error {
	if strings.Contains(err.Error(), dsn) {
		return errors.New("the connection string cannot be read; write postgres://USER:PASSWORD@HOST/DATABASE")
	}
	return err
}

// database is a connection to V1's database, for the time of an import.
type database struct {
	ctx context.Context // the sequences of a Source have no place for one
	db  *sql.DB
}

// check says whether it is a database of V1.
func (d database) check() error {
	if err := d.db.PingContext(d.ctx); err != nil {
		return err
	}
	there := false
	for _, name := range []string{"users", "contents"} {
		there = there || d.has(name)
	}
	if !there {
		return ErrNoV1
	}
	return nil
}

// has says whether a table exists.
func (d database) has(name string) bool {
	rows, err := d.db.QueryContext(d.ctx, "SELECT 1 FROM "+name+" WHERE 1 = 0")
	if err != nil {
		return false
	}
	defer rows.Close()
	return rows.Err() == nil
}

// table yields the rows of a table that gorm has not marked as deleted, in the
// order of their ids; where is a further condition. One that does not exist, as
// in an older V1, is empty.
func table[T any](d database, name, where string, decode func(*row) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if !d.has(name) {
			return
		}
		for after := int64(-1); ; {
			page, err := d.page(name, where, after)
			if err != nil {
				var none T
				yield(none, fmt.Errorf("read %s: %w", name, err))
				return
			}
			for _, r := range page {
				id := r.number("id")
				after = max(after, id)
				if r.values["deleted_at"] != nil {
					continue
				}
				v := decode(r)
				var err error
				if r.err != nil {
					err = RowError{Table: name, ID: uint64(max(id, 0)), Err: r.err}
				}
				if !yield(v, err) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// page reads rows with ids above after. The names in the query are constants.
func (d database) page(name, where string, after int64) ([]*row, error) {
	cond := fmt.Sprintf("id > %d", after)
	if where != "" {
		cond += " AND " + where
	}
	rows, err := d.db.QueryContext(d.ctx, fmt.Sprintf("SELECT * FROM %s WHERE %s ORDER BY id LIMIT %d", name, cond, pageSize))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var page []*row
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		r := &row{values: make(map[string]any, len(columns))}
		for i, c := range columns {
			r.values[c] = values[i]
		}
		page = append(page, r)
	}
	return page, rows.Err()
}

// users yields the users with their tokens.
func (d database) users() iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		for u, err := range table(d, "users", "", userOf) {
			if err != nil {
				if !yield(u, err) {
					return
				}
				continue
			}
			for t, err := range table(d, "auth_tokens", fmt.Sprintf(`"user" = %d`, u.ID), tokenOf) {
				if err != nil {
					if !yield(User{}, err) {
						return
					}
					continue
				}
				u.Tokens = append(u.Tokens, t)
			}
			if !yield(u, nil) {
				return
			}
		}
	}
}

func userOf(r *row) User {
	return User{
		ID: r.id("id"), Name: r.text("username"), Hash: r.text("pass_hash"), Salt: r.text("salt"), Address: r.text("address"),
		Perm: int(r.number("perm")), StorageDisabled: r.truth("storage_disabled"), Created: r.when("created_at"),
	}
}

// tokenOf takes the hash of a token only; V1 before 0.2 stored tokens in the clear.
func tokenOf(r *row) Token {
	t := Token{
		Hash: r.text("token_hash"), Label: r.text("label"), UploadOnly: r.truth("upload_only"),
		Session: r.truth("is_session"), Created: r.when("created_at"), Expires: r.when("expiry"),
	}
	if t.Hash == "" {
		token := r.text("token")
		if token == "" {
			r.fail("token", "and token_hash are empty")
		}
		t.Hash = accounts.TokenHash(token)
	}
	return t
}

func inviteOf(r *row) Invite {
	return Invite{Code: r.text("code"), CreatedBy: r.id("created_by"), ClaimedBy: r.id("claimed_by")}
}

func contentOf(r *row) Content {
	return Content{
		ID: r.id("id"), User: r.id("user_id"), CID: r.root("cid"), Name: r.text("name"), Created: r.when("created_at"),
		Active: r.truth("active"), Failed: r.truth("failed"), Replace: r.truth("replace"),
		Aggregate: r.truth("aggregate"), AggregatedIn: r.id("aggregated_in"), SplitFrom: r.id("split_from"),
		Meta: metaOf(r.text("pin_meta")), Origins: originsOf(r.text("origins")),
	}
}

func collectionOf(r *row) Collection {
	return Collection{
		ID: r.id("id"), UUID: r.text("uuid"), Name: r.text("name"), Description: r.text("description"),
		User: r.id("user_id"), Created: r.when("created_at"), CID: r.text("cid"),
	}
}

func refOf(r *row) Ref {
	return Ref{ID: r.id("id"), Content: r.id("content"), Path: r.text("path")}
}

func dealOf(r *row) Deal {
	d := Deal{
		ID: r.id("id"), Content: r.id("content"), Provider: r.text("miner"), UUID: r.text("deal_uuid"),
		Protocol: r.text("deal_protocol_version"), ChainID: r.id("deal_id"),
		Verified: r.truth("verified"), Failed: r.truth("failed"), Slashed: r.truth("slashed"),
		Created: r.when("created_at"), Accepted: r.when("transfer_started"),
		Published: r.when("on_chain_at"), Active: r.when("sealed_at"), Died: r.when("failed_at"),
	}
	if c := r.root("prop_cid"); c.Defined() {
		d.Proposal = c.String()
	}
	return d
}
