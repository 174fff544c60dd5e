package estuaryapi_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/sandbox"
)

// things are what a user of the tests has: one of each kind that a route can name.
type things struct {
	user       accounts.User
	token      string
	file       added // published, in a zone that has a deal
	hidden     buckets.Object
	pin        pinned // that never comes
	zone       buckets.Zone
	deal       deals.Deal
	collection string // with the file in it
	bucket     buckets.Bucket
	key        string // a second token
	miner      string // claimed by the user, if there is one for him
}

// names are what he and his things are called. Who does not know them is not told.
func (own things) names() []string {
	return []string{own.user.Name, own.bucket.Name, own.bucket.UUID, own.collection, accounts.TokenHash(own.key)}
}

// plant makes a user with all of these. Whatever text of his others are never to
// see has mark in it.
func (f *fixture) plant(name, miner, mark string) things {
	f.t.Helper()
	ctx := f.t.Context()
	u, token := f.user(name, accounts.LevelUser, 0)
	own := things{user: u, token: token, miner: miner}
	own.file = f.add(token, "file"+mark+".txt", "published, number "+itoa(u.ID))
	own.key = f.token(u, accounts.TokenSpec{Level: accounts.LevelUser, Label: "key" + mark})
	own.collection = f.create(token, "collection"+mark).UUID
	if a := f.collect(token, own.collection, "/dir"+mark, own.file.ID); a.code != 200 {
		f.t.Fatalf("collect: %d %s", a.code, a.body)
	}
	own.pin = f.pin(token, object{"cid": rawCID(f.t, "nobody has this of "+name), "name": "pin" + mark, "origins": []string{dead}, "meta": object{"app": mark}})
	var err error
	if own.bucket, err = f.buckets.CreateBucket(ctx, u.ID, "of-"+name, buckets.BucketOptions{}); err != nil {
		f.t.Fatal(err)
	}
	if own.bucket, err = f.buckets.SetPolicy(ctx, own.bucket.Name, func(p *buckets.Policy) { p.Publish = false }); err != nil {
		f.t.Fatal(err)
	}
	hidden := buckets.Upload{Body: strings.NewReader("bytes" + mark)}
	if own.hidden, err = f.buckets.Put(ctx, own.bucket, "hidden"+mark, u.ID, hidden, buckets.Attributes{}, buckets.Conditions{}); err != nil {
		f.t.Fatal(err)
	}
	own.zone, own.deal = f.complete(f.zoned(own.file.ID).ID)
	if miner != "" {
		f.claim(own)
	}
	return own
}

// complete seals a zone and waits until it has all its deals; it returns one of them.
func (f *fixture) complete(zone uint64) (z buckets.Zone, d deals.Deal) {
	f.t.Helper()
	if err := f.buckets.SealZone(f.t.Context(), zone); err != nil {
		f.t.Fatal(err)
	}
	f.await("zone is complete", func() bool {
		var err error
		if z, err = f.buckets.Zone(f.t.Context(), zone); err != nil {
			f.t.Fatal(err)
		}
		return z.State == buckets.ZoneComplete
	})
	list, err := f.deals.Deals(f.t.Context(), zone, "", 0, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, d := range list {
		if d.State == deals.DealActive {
			return z, d
		}
	}
	f.t.Fatalf("no deal of %+v is active", list)
	return z, d
}

// claim makes a provider its user's.
func (f *fixture) claim(own things) {
	f.t.Helper()
	if err := f.market.SetAsk(own.miner, sandbox.Ask{Price: 1, MinPiece: 1 << 10, MaxPiece: 32 << 30}); err != nil {
		f.t.Fatal(err)
	}
	sig, err := f.market.SignByWorker(own.miner, fmt.Appendf(nil, "---- user %d owns miner %s ----", own.user.ID, own.miner))
	if err != nil {
		f.t.Fatal(err)
	}
	a := f.postText("/user/miner/claim", own.token, `{"miner":%q,"claim":%q,"name":"of a user"}`, own.miner, hex.EncodeToString(sig))
	if a.code != 200 {
		f.t.Fatalf("claim: %d %s", a.code, a.body)
	}
}

// named is what a parameter, or a field of a body, of this name stands for; "" if
// it names nothing that somebody has. A new wildcard of a path has to be here:
// TestOtherUser says so.
func (own things) named(name string) string {
	switch name {
	case "id", "content", "content_id", "contentids", "contents", "pinid", "requestid":
		return itoa(own.file.ID)
	case "zone", "staging_zone":
		return itoa(own.zone.ID)
	case "coluuid", "col", "collection":
		return own.collection
	case "bucket":
		return own.bucket.Name
	case "key_or_hash":
		return accounts.TokenHash(own.key)
	case "deal":
		return itoa(own.deal.ID)
	case "dealid":
		return itoa(own.deal.ChainID)
	case "propcid", "chanid":
		return own.deal.Proposal
	case "cid", "root", "datacid":
		return own.file.CID
	case "miner", "sp":
		return own.miner
	case "username":
		return own.user.Name
	}
	return ""
}

// ofNobody are wildcards of paths that name nothing of a user's, with a value that serves.
var ofNobody = map[string]string{
	"code": "invitation", "file": "doc.json", "amt": "0.001", "shuttle": "SHUTTLE01234567-89ab-4cde-8f01-23456789abcdHANDLE",
	"system": "node",
}

// addressed is a row's path with what a user has in the place of its wildcards.
func (own things) addressed(path string) (full string, missing []string) {
	full = wildcard.ReplaceAllStringFunc(path, func(w string) string {
		name := strings.Trim(w, "{.}")
		v := own.named(name)
		switch {
		case name == "name" && strings.HasPrefix(path, "/admin/users/"):
			v = own.user.Name
		case strings.HasSuffix(path, "/transfer/status/{id}"):
			v = own.deal.UUID
		case name == "miner" && strings.HasSuffix(path, "/{propcid}"):
			v = own.deal.Provider
		case v != "":
		case path == "/gw/{path...}":
			v = "ipfs/" + own.file.CID
		case path == "/ipfs/{path...}":
			v = own.file.CID
		default:
			v = ofNobody[name]
		}
		if v == "" {
			missing = append(missing, name)
		}
		return v
	})
	return full, missing
}

// state is all that a user sees of his own, but for what time alone changes.
func (f *fixture) state(own things) string {
	f.t.Helper()
	all := &bytes.Buffer{}
	for _, path := range []string{"/content/list", "/content/status/" + itoa(own.file.ID), "/content/staging-zones", "/user/api-keys", "/user/stats", "/viewer",
		"/collections", "/collections/" + own.collection, "/collections/" + own.bucket.UUID, "/pinning/pins/" + itoa(own.file.ID), "/gw/ipfs/" + own.file.CID} {
		a := f.get(path, own.token)
		if a.code != 200 {
			f.t.Errorf("GET %s by its owner = %d %s", path, a.code, a.body)
		}
		fmt.Fprintf(all, "%s\n%s\n", path, a.body)
	}
	return all.String()
}

// wantSame compares two states line by line.
func wantSame(t testing.TB, before, after string) {
	t.Helper()
	then, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for i := range max(len(then), len(now)) {
		if i >= len(then) || i >= len(now) || then[i] != now[i] {
			t.Errorf("what a user has became\n%s\nwithout his doing; it was\n%s", strings.Join(now[min(i, len(now)):], "\n"), strings.Join(then[min(i, len(then)):], "\n"))
			return
		}
	}
}
