package estuaryapi_test

import (
	"fmt"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/estuaryapi"
)

type listed struct {
	ID            uint64
	Name          string
	Active        bool
	PinningStatus string
	PinMeta       string
}

// To V1 a pin is a content from the start, and keeps its id when it is one here.
func TestPinIsContent(t *testing.T) {
	f := newTest(t, buckets.Policy{Publish: true}, estuaryapi.Options{})
	_, token := f.user("alice", accounts.LevelUser, accounts.LevelUser)
	_, other := f.user("bob", accounts.LevelUser, accounts.LevelUser)
	first := f.add(token, "first", "first")
	waiting := f.pin(token, object{"cid": rawCID(t, "nobody has it"), "name": "waiting", "origins": []string{dead}})
	f.add(token, "second", "second")
	here := f.pin(token, object{"cid": first.CID, "name": "again", "meta": object{"k": "v"}})
	if here.Status != "pinned" {
		t.Fatalf("a pin of what is here: %+v", here)
	}
	for _, c := range []struct {
		query, want string
	}{
		{"", "[again second waiting first]"},
		{"?limit=2", "[again second]"},
		{"?limit=2&offset=1", "[second waiting]"},
		{"?limit=5&offset=3", "[first]"},
		{"?limit=5&offset=4", "[]"},
		{"?limit=0", "[]"},
	} {
		var names []string
		for _, l := range decode[[]listed](t, f.get("/content/contents"+c.query, token)) {
			names = append(names, l.Name)
			if active := l.Name != "waiting"; l.Active != active || (l.PinningStatus == "pinned") != active {
				t.Errorf("%+v", l)
			}
		}
		if got := fmt.Sprint(names); got != c.want {
			t.Errorf("/content/contents%s = %s, want %s", c.query, got, c.want)
		}
	}
	for id, name := range map[string]string{waiting.RequestID: "waiting", here.RequestID: "again"} {
		if l := decode[listed](t, f.get("/content/"+id, token)); fmt.Sprint(l.ID) != id || l.Name != name {
			t.Errorf("content %s is %+v", id, l)
		}
		status := decode[struct{ Content listed }](t, f.get("/content/status/"+id, token))
		if fmt.Sprint(status.Content.ID) != id {
			t.Errorf("the status of content %s is of %+v", id, status)
		}
		if a := f.get("/content/"+id, other); a.code != 403 {
			t.Errorf("content %s for somebody else: %d", id, a.code)
		}
	}
	if l := decode[listed](t, f.get("/content/"+here.RequestID, token)); l.PinMeta != `{"k":"v"}` {
		t.Errorf("a pinned content has the meta %q", l.PinMeta)
	}
}

// Deals that V1 had made are told with a content that was moved from there.
func TestForeignDeals(t *testing.T) {
	f := newTest(t, buckets.Policy{Publish: true}, estuaryapi.Options{})
	u, token := f.user("alice", accounts.LevelUser, accounts.LevelUser)
	made := f.add(token, "a", "a")
	c := f.content(made.ID)
	if _, err := f.buckets.ImportPins(t.Context(), []buckets.ImportedPin{{PinRequest: buckets.PinRequest{CID: c.CID, Name: "a"}, ID: 7, Owner: u.ID}}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.deals.ImportForeign(t.Context(), []deals.Foreign{{ID: 5, Content: 7, Provider: "f01000", ChainID: 77, UUID: "u", Verified: true}}); err != nil {
		t.Fatal(err)
	}
	status := decode[struct {
		Deals []struct {
			Deal struct {
				ID, DealID uint64
				Miner      string
				Verified   bool
			}
		}
	}](t, f.get("/content/status/7", token))
	if len(status.Deals) != 1 || status.Deals[0].Deal.ID != 5 || status.Deals[0].Deal.DealID != 77 || status.Deals[0].Deal.Miner != "f01000" || !status.Deals[0].Deal.Verified {
		t.Errorf("status %+v", status)
	}
}
