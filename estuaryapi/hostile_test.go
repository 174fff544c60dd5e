package estuaryapi_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/estuaryapi"
	"github.com/whypfs/whypfs/node"
)

// siege is a node with a victim, and those who attack it.
type siege struct {
	*fixture
	victim, ann things
	private     []string // what only its owner and an admin may be told
	callers     []besieger
	secrets     map[string]string // what it is, by its text: nobody may be told
	client      *http.Transport
	tokens      []string // of answers: each was told once
}

// A besieger sends attacks; token makes him a key when he has lost his.
type besieger struct {
	name  string
	user  uint64
	level accounts.Level
	token string
}

const (
	victimMark   = "zq7victim7qz"
	strangerMark = "zq7stranger7qz"
	annMark      = "zq7ann7qz"
)

func newSiege(t testing.TB) *siege {
	f := newMarket(t, buckets.Policy{Publish: true, Replication: 1, MaxPiece: 64 << 20}, 3, 0)
	s := &siege{fixture: f, secrets: map[string]string{}, client: &http.Transport{}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.victim = f.plant("victim", "f01000", victimMark)
	s.ann = f.plant("ann", "f01001", annMark)
	root, _ := f.user("root", accounts.LevelAdmin, 0)
	bob, _ := f.user("bob", accounts.LevelUser, 0)
	s.callers = []besieger{{name: "nobody"}, {"an upload-only key", s.ann.user.ID, accounts.LevelUpload, ""}, {"its owner", s.ann.user.ID, accounts.LevelUser, ""},
		{"another user", bob.ID, accounts.LevelUser, ""}, {"an admin", root.ID, accounts.LevelAdmin, ""}}
	s.hide()
	return s
}

// hide plants what no answer and no line of the log may have.
func (s *siege) hide() {
	ctx := s.t.Context()
	check := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	const password = "zq7secret7qz"
	check(s.accounts.SetPassword(ctx, s.victim.user.ID, password))
	check(s.accounts.SetPassword(ctx, s.ann.user.ID, hostilePassword))
	_, secret, err := s.accounts.CreateKey(ctx, s.victim.user.ID, "", "")
	check(err)
	key, err := s.deals.Wallet().Key(ctx)
	check(err)
	master, err := os.ReadFile(s.masterKey)
	check(err)
	identity, err := os.ReadFile(filepath.Join(s.nodeDir, "libp2p.key"))
	check(err)
	s.secrets[hostilePassword], s.secrets[password], s.secrets[secret] = "a password", "a password", "an S3 secret"
	s.secrets[s.victim.token], s.secrets[s.victim.key] = "a token", "a token"
	for what, raw := range map[string][]byte{"the wallet's key": key.Secret(), "the master key": master, "the node's identity": identity} {
		s.secrets[string(raw)], s.secrets[hex.EncodeToString(raw)] = what, what
		s.secrets[base64.RawStdEncoding.EncodeToString(raw)], s.secrets[base64.RawURLEncoding.EncodeToString(raw)] = what, what
	}
}

// key is the caller's. He gets a new one if he has thrown his away, and what an
// admin took from him is given back: every attack is to get as far as it can.
func (s *siege) key(b *besieger) string {
	if b.user == 0 {
		return ""
	}
	ctx := context.Background()
	u, got, err := s.accounts.Token(ctx, b.token)
	if err == nil && got.Level == b.level && u.Quota == (accounts.Quota{}) {
		return b.token
	}
	s.restore(b.user)
	if b.token, _, err = s.accounts.CreateToken(ctx, b.user, accounts.TokenSpec{Level: b.level}); err != nil {
		s.t.Fatal(err)
	}
	s.tokens = append(s.tokens, b.token)
	return b.token
}

// mend gives ann back what she, or an admin, has deleted.
func (s *siege) mend() {
	ctx := context.Background()
	own := &s.ann
	c, err := s.buckets.Content(ctx, own.file.ID)
	if err != nil || c.Deleted {
		s.restore(own.user.ID)
		own.file = s.add(s.key(&s.callers[2]), "file.txt", "published, number "+itoa(own.user.ID))
	}
	if _, err := s.collections.Collection(ctx, own.user.ID, own.collection); err != nil {
		made, err := s.collections.Create(ctx, own.user.ID, "again", "")
		if err != nil {
			s.t.Fatal(err)
		}
		own.collection = made.UUID
	}
	if b, err := s.buckets.BucketByUUID(ctx, own.bucket.UUID); err != nil || b.UUID == "" {
		if own.bucket, err = s.buckets.CreateBucket(ctx, own.user.ID, own.bucket.Name, buckets.BucketOptions{}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// restore undoes what an admin did to a user.
func (s *siege) restore(user uint64) {
	ctx := context.Background()
	if err := errors.Join(s.accounts.Unsuspend(ctx, user), s.accounts.SetQuota(ctx, user, nil)); err != nil {
		s.t.Fatal(err)
	}
}

// maxAnswer is how long an answer may take: far more than any does, even under
// the race detector on a busy machine.
const maxAnswer = 2 * time.Minute

// maxGrowth is what the process may allocate while it answers one attack, of
// which none has 4 MiB; its jobs and the race detector allocate meanwhile too.
const maxGrowth = 256 << 20

// send sends an attack and judges the answer.
func (s *siege) send(a attack, b *besieger) {
	token := s.key(b)
	r, err := a.request(s.srv.URL, token)
	if err != nil {
		return // no client can send that
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxAnswer)
	defer cancel()
	before := allocated()
	res, err := s.client.RoundTrip(r.WithContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			s.t.Errorf("%v by %s: no answer in %v", a, b.name, maxAnswer)
		} else if !a.cut && !strings.Contains(err.Error(), "net/http: invalid") {
			s.t.Errorf("%v by %s: %v", a, b.name, err)
		}
		return
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil && !a.cut {
		s.t.Errorf("%v by %s: %v after %.200q", a, b.name, err, data)
	}
	if grown := allocated() - before; grown > maxGrowth {
		s.t.Errorf("%v by %s: %d MiB were allocated", a, b.name, grown>>20)
	}
	s.judge(r, a, b, answer{res.StatusCode, res.Header, string(data)})
}

func allocated() uint64 {
	m := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

var newToken = regexp.MustCompile(`EST[0-9a-f-]{36}ARY`)

func (s *siege) judge(r *http.Request, a attack, b *besieger, got answer) {
	what := func() string { return fmt.Sprintf("%v by %s = %d %.1000q", a, b.name, got.code, got.body) }
	if got.code >= 500 {
		s.t.Errorf("%s, though nothing failed", what())
	}
	if got.header.Get("X-Injected") != "" {
		s.t.Errorf("%s: it got a header in: %v", what(), got.header)
	}
	if strings.HasPrefix(got.header.Get("Content-Type"), "application/json") && a.method != http.MethodHead && !json.Valid([]byte(got.body)) {
		s.t.Errorf("%s is no JSON", what())
	}
	if b.level >= a.row.Level && (got.has(errMissing) || got.has(errUpload) || got.has(errLow)) && !slices.ContainsFunc(a.header, isAuthorization) && !elsewhere(r, a.row) && !machines.MatchString(a.row.Path) {
		s.t.Errorf("%s, want him let in", what())
	}
	all := got.body + fmt.Sprint(got.header)
	for _, private := range s.private {
		if b.level < accounts.LevelAdmin && strings.Contains(all, private) {
			s.t.Errorf("%s tells %q, which is another user's", what(), private)
		}
	}
	for secret, name := range s.secrets {
		if strings.Contains(all, secret) {
			s.t.Errorf("%s tells %s", what(), name)
		}
	}
	for _, old := range s.tokens {
		if strings.Contains(all, old) {
			s.t.Errorf("%s tells a token again", what())
		}
	}
	if got.code == 200 { // else it is the request's own
		s.tokens = append(s.tokens, newToken.FindAllString(got.body, -1)...)
	}
	if a.method == a.row.Method && got.code < 500 {
		checkAnswer(s.t, r, got)
	}
}

func isAuthorization(h [2]string) bool { return h[0] == "Authorization" }

// elsewhere says whether a request's path, with slashes taken off its end as the
// routes do, is none of the row that it was made of: then another's level holds.
func elsewhere(r *http.Request, row estuaryapi.Row) bool {
	plain := r.Clone(r.Context())
	plain.URL.Path = strings.TrimRight(plain.URL.Path, "/")
	_, pattern := description().mux.Handler(plain)
	return pattern != row.Method+" "+row.Path
}

// holds checks that the node still serves, that its rows agree, and that the log has no secret.
func (s *siege) holds() {
	s.t.Helper()
	ctx := context.Background()
	own := s.add(s.victim.token, "after.txt", "after the siege")
	if a := s.get("/gw/ipfs/"+own.CID, ""); a.code != 200 || a.body != "after the siege" {
		s.t.Errorf("the gateway answers %d %q", a.code, a.body)
	}
	if err := s.buckets.Check(ctx); err != nil {
		s.t.Error(err)
	}
	if err := s.collections.Check(ctx); err != nil {
		s.t.Error(err)
	}
	fault := func(x node.Fault) { s.t.Errorf("fsck: %v", x) }
	if err := s.node.CheckRoots(ctx, func(yield func(cid.Cid) error) error { return s.buckets.Roots(ctx, yield) }, false, fault); err != nil {
		s.t.Error(err)
	}
	if err := s.deals.CheckLayouts(ctx, func(where, what string) { s.t.Errorf("fsck: %s: %s", where, what) }); err != nil {
		s.t.Error(err)
	}
}

// quiet checks the log, when no more is written.
func (s *siege) quiet() {
	log := s.log.String()
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, "level=ERROR") {
			s.t.Errorf("the log has %s", line)
		}
	}
	for secret, name := range s.secrets {
		if strings.Contains(log, secret) {
			s.t.Errorf("the log has %s", name)
		}
	}
	for _, token := range s.tokens {
		if strings.Contains(log, token) {
			s.t.Error("the log has a token")
		}
	}
}

// Every row of the table is asked by everybody with values that it does not
// want. Nothing but what the document tells of is answered, nobody is told what
// is not his, and the node is as sound afterwards as before.
func TestHostileRequests(t *testing.T) {
	var s *siege
	t.Cleanup(func() { s.quiet() }) // after the server has stopped
	s = newSiege(t)
	c := byChance{rand.New(rand.NewPCG(7, 7))}
	before := s.state(s.victim)
	each := 10
	if testing.Short() {
		each = 2
	}
	for i := range s.callers {
		b := &s.callers[i]
		if b.level == accounts.LevelAdmin {
			wantSame(t, before, s.state(s.victim))
		}
		for _, row := range estuaryapi.Rows() {
			n := each
			if b.level < row.Level {
				n = 1 // who is not let in
			}
			for range n {
				s.mend()
				s.send(newAttack(c, row, []things{s.ann, s.victim}), b)
			}
		}
	}
	s.restore(s.victim.user.ID)
	s.holds()
}

// FuzzRoutes lets the fuzzer choose the row, the caller and all that is wrong.
func FuzzRoutes(f *testing.F) {
	s := newSiege(f)
	rows := estuaryapi.Rows()
	for i := range rows {
		f.Add(uint16(i), uint8(i), []byte("\x01\x01\x07\x03\x01\x07\x02\x05\x01\x04\x09\x01\x02\x03"))
	}
	f.Fuzz(func(t *testing.T, row uint16, caller uint8, choices []byte) {
		in, fix := *s, *s.fixture
		fix.t, in.fixture = t, &fix
		b := &s.callers[int(caller)%len(s.callers)]
		in.mend()
		in.send(newAttack(&byBytes{choices}, rows[int(row)%len(rows)], []things{s.ann, s.victim}), b)
		s.tokens, s.ann = in.tokens, in.ann
	})
}
