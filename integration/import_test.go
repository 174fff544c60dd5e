//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/importv1"
	"github.com/whypfs/whypfs/importv1/v1test"
)

// A node of Estuary V1 is moved here: its users log in as before, their scripts'
// tokens hold, contents, collections and deals are found by V1's numbers, and
// the data comes from where V1 kept it.
func TestImportV1(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T) (db *v1test.DB, source string)
	}{
		{"SQLite", func(t *testing.T) (*v1test.DB, string) {
			path := filepath.Join(t.TempDir(), "estuary.db")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return v1test.New(t, "sqlite", path), path
		}},
		{"PostgreSQL", func(t *testing.T) (*v1test.DB, string) {
			dsn := startPostgres(t)
			return v1test.New(t, "pgx", dsn), dsn
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db, source := c.make(t)
			moveV1(t, db, source)
		})
	}
}

const (
	// as V1's web app sends it
	sentByAlice = "$2a$08$r31MZDLMLVcHAUfrePT2H.alicesOwnClientHashAaaaaaaaaaaa"
	aliceToken  = "EST6e9e0000-0000-4000-8000-000000000001ARY"
	bobToken    = "EST6e9e0000-0000-4000-8000-000000000002ARY"
	shelf       = "b54bb6b4-7f0f-4f2c-9a3e-1d2b3c4d5e6f"
)

func moveV1(t *testing.T, db *v1test.DB, source string) {
	old := start(t, t.TempDir()) // has the data, as V1's node has
	old.makeBucket("old")
	body := blob(3 << 20)
	film, note := old.put("old", "film", body), old.put("old", "note", []byte("a note"))
	root := func(s string) cid.Cid {
		c, err := cid.Decode(s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	db.User(2, "alice", sentByAlice)
	db.User(3, "bob", "sent by bob")
	db.Token(2, aliceToken, false)
	db.Token(3, bobToken, true)
	db.Content(7, 2, root(film), "film.mp4")
	db.Content(8, 2, root(note), "note", "aggregated_in", 9, "pin_meta", `{"modTime":"1"}`)
	db.Content(9, 2, root(note), "aggregate", "aggregate", true)
	db.Deal(1, 9, "f01000", 77)
	db.Collection(1, 2, shelf, "shelf", map[string]uint64{"/films/film.mp4": 7, "": 8})

	s := start(t, t.TempDir())
	told := s.importV1(source, "--origin", old.addr["libp2p"], "--dry-run")
	if told.Users.New != 2 || told.Contents.New != 2 || told.Contents.Skipped != 1 || told.Collections.New != 1 || told.Entries.New != 2 || told.Deals.New != 1 {
		t.Errorf("a dry run told %+v", told)
	}
	if pins := list[buckets.Pin](s, "pin", "ls"); len(pins) != 0 {
		t.Errorf("a dry run left %+v", pins)
	}
	if did := s.importV1(source, "--origin", old.addr["libp2p"]); fmt.Sprint(did) != fmt.Sprint(told) {
		t.Errorf("the import did %+v, and told before %+v", did, told)
	}
	s.kill() // what was told is durable
	s.up()
	again := s.importV1(source)
	if again.Users.New+again.Tokens.New+again.Contents.New+again.Collections.New+again.Entries.New+again.Deals.New != 0 || len(again.Problems) != 0 {
		t.Errorf("again it did %+v", again)
	}

	for _, id := range []string{"7", "8"} {
		await(t, time.Minute, "the pin "+id, func() bool { return s.pin("show", id).State == buckets.PinPinned })
	}
	if got, err := s.gateway(http.DefaultClient, "/ipfs/"+film); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the film: %d bytes, %v", len(got), err)
	}
	var login struct{ Token string }
	s.v1(t, "POST", "/login", "", fmt.Sprintf(`{"username":"alice","passwordHash":%q}`, sentByAlice), 200, &login)
	for about, token := range map[string]string{"her old token": aliceToken, "a login": login.Token} {
		var pin struct {
			RequestID, Status string
			Pin               struct{ CID, Name string }
		}
		s.v1(t, "GET", "/pinning/pins/7", token, "", 200, &pin)
		if pin.RequestID != "7" || pin.Status != "pinned" || pin.Pin.CID != film || pin.Pin.Name != "film.mp4" {
			t.Errorf("%s: pin %+v", about, pin)
		}
	}
	s.v1(t, "GET", "/pinning/pins/7", bobToken, "", 403, nil) // upload only, as it was
	var content struct {
		ID     uint64
		CID    string
		UserID uint64
	}
	s.v1(t, "GET", "/content/8", aliceToken, "", 200, &content)
	if content.ID != 8 || content.CID != note || content.UserID != 2 {
		t.Errorf("content 8 is %+v", content)
	}
	var status struct {
		Deals []struct {
			Deal struct {
				DealID uint64
				Miner  string
			}
		}
	}
	s.v1(t, "GET", "/content/status/8", aliceToken, "", 200, &status)
	if len(status.Deals) != 1 || status.Deals[0].Deal.DealID != 77 || status.Deals[0].Deal.Miner != "f01000" {
		t.Errorf("deals of content 8, of those of what it was gathered into: %+v", status)
	}
	var entries []struct {
		ID   uint64
		Path string
	}
	s.v1(t, "GET", "/collections/"+shelf, aliceToken, "", 200, &entries)
	if got := fmt.Sprint(entries); got != "[{7 /films/film.mp4} {8 /note}]" {
		t.Errorf("the collection has %s", got)
	}
}

// importV1 runs the command and returns what it reported.
func (s *server) importV1(args ...string) (r importv1.Report) {
	s.t.Helper()
	text := s.run(append([]string{"import-v1", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		s.t.Fatalf("whypfs import-v1 %v: %v in %s", args, err, text)
	}
	return r
}

// v1 sends a request to the V1 API and decodes the answer into into, if that is not nil.
func (s *server) v1(t *testing.T, method, path, token, body string, code int, into any) {
	t.Helper()
	req, err := http.NewRequest(method, s.addr["api"]+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != code {
		t.Fatalf("%s %s = %s, %v, want %d: %s", method, path, res.Status, err, code, text)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
}
