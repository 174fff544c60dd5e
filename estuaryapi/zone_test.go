package estuaryapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/estuaryapi"
)

const zoneShape = "{contentID:float createdAt:string curSize:float deletedAt:null id:float location:string maxSize:float " +
	"message:string minSize:float status:string updatedAt:string user:float}"

type zone struct {
	ID        uint64
	CreatedAt time.Time
	MinSize   int64
	MaxSize   int64
	CurSize   int64
	User      uint64
	ContentID uint64
	Location  string
	Status    string
	Message   string
}

func TestZones(t *testing.T) {
	f := newTest(t, buckets.Policy{Publish: true, Threshold: 1 << 30, MaxPiece: 1 << 31}, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	if a := f.get("/content/staging-zones", token); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("no zones: %s, want []", a.body)
	}
	first := f.zoned(f.add(token, "a", "12345").ID)
	if err := f.buckets.SealZone(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	second := f.zoned(f.add(token, "b", "123").ID)
	f.zoned(f.add(other, "c", "another's").ID)

	a := f.get("/content/staging-zones", token)
	wantShape(t, "zones", a.body, "["+zoneShape+"]")
	list := decode[[]zone](t, a)
	if len(list) != 2 || list[0].ID != second.ID || list[1].ID != first.ID {
		t.Fatalf("zones = %+v, want %d and %d", list, second.ID, first.ID)
	}
	open := list[0]
	if open.Message == "" || !open.CreatedAt.Equal(second.Opened) {
		t.Errorf("open zone = %+v", open)
	}
	open.Message, open.CreatedAt = "", time.Time{}
	if want := (zone{ID: second.ID, MinSize: 1 << 30, MaxSize: 1 << 31, CurSize: 3, User: u.ID, ContentID: second.ID, Location: "local", Status: "open"}); open != want {
		t.Errorf("open zone = %+v, want %+v", open, want)
	}
	if list[1].Status != "aggregating" || list[1].Message == "" {
		t.Errorf("sealed zone = %+v", list[1])
	}
	if got := decode[[]zone](t, f.get("/content/staging-zones?limit=1&offset=1", token)); len(got) != 1 || got[0].ID != first.ID {
		t.Errorf("second page = %+v", got)
	}

	path := "/content/staging-zones/" + itoa(first.ID)
	for _, key := range []string{token, admin} {
		a = f.get(path, key)
		wantShape(t, "zone", a.body, zoneShape)
		wantShape(t, "members", f.get(path+"/contents", key).body, "["+contentShape+"]")
	}
	for _, rest := range []string{"", "/contents"} {
		f.get(path+rest, other).wantError(t, "foreign", 403, "ERR_NOT_AUTHORIZED", "User (2) is not authorized for staging zone ("+itoa(first.ID)+")")
		f.get("/content/staging-zones/7"+rest, token).wantError(t, "unknown", 404, "ERR_RECORD_NOT_FOUND", "staging zone: 7 was not found")
		f.get("/content/staging-zones/x"+rest, token).wantError(t, "malformed", 400, "ERR_INVALID_INPUT", `"x" is not an id`)
	}
}

func TestZoneContents(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	var ids []uint64
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		ids = append(ids, f.add(token, name, name).ID)
	}
	for _, id := range ids {
		f.zoned(id)
	}
	b, err := f.buckets.GlobalBucket(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.buckets.Delete(t.Context(), b, f.content(ids[1]).Key, buckets.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	ids = slices.Delete(ids, 1, 2)
	slices.Reverse(ids)
	path := "/content/staging-zones/" + itoa(f.content(ids[0]).Zone) + "/contents"
	for query, want := range map[string][]uint64{
		"":                               ids,
		"?limit=2":                       ids[:2],
		"?limit=2&offset=1":              ids[1:3],
		"?limit=2&offset=3":              ids[3:],
		"?offset=4":                      nil,
		"?limit=0":                       nil,
		"?offset=1073741824&limit=10000": nil,
	} {
		var got []uint64
		for _, c := range decode[[]content](t, f.get(path+query, token)) {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("contents%s = %v, want %v", query, got, want)
		}
	}
	if a := f.get(path+"?limit=0", token); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("an empty page is %s, want []", a.body)
	}
}

func TestDealStatus(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const dealShape = "{CreatedAt:string DeletedAt:null ID:float UpdatedAt:string content:float dealId:float dealUuid:string deal_protocol_version:string " +
		"dtChan:string failed:bool failedAt:string miner:string miner_version:string onChainAt:string propCid:string sealedAt:string slashed:bool " +
		"transferFinished:string transferStarted:string user_id:float verified:bool}"
	const transferShape = "{baseCid:string channelId:{ID:float Initiator:string Responder:string} message:string received:float remotePeer:string " +
		"selfPeer:string sent:float status:float statusMessage:string transferId:string}"
	const chainShape = "{lastUpdatedEpoch:float sectorStartEpoch:float slashEpoch:float}"
	tests := []struct {
		state           deals.DealState
		transfer, chain string
		failed          bool
		start           float64
	}{
		{deals.DealProposed, transferShape, "null", false, 0},
		{deals.DealAccepted, transferShape, "null", false, 0},
		{deals.DealPublished, "null", chainShape, false, -1},
		{deals.DealActive, "null", chainShape, false, 500},
		{deals.DealRejected, "null", "null", true, 0},
		{deals.DealFailed, "null", "null", true, 0},
		{deals.DealExpired, "null", "null", true, 0},
	}
	for _, tt := range tests {
		c := buckets.Content{ID: 5, Owner: 7}
		d := deals.Deal{UUID: "u", ID: 3, Provider: "f01", State: tt.state, ChainID: 9, StartEpoch: 500, Proposal: "bafy", Created: when, Changed: when}
		raw, err := json.Marshal(estuaryapi.DealStatus(c, d))
		if err != nil {
			t.Fatal(err)
		}
		wantShape(t, string(tt.state), string(raw), "{deal:"+dealShape+" onChainState:"+tt.chain+" transfer:"+tt.transfer+"}")
		var got struct {
			Deal struct {
				ID       uint64
				Content  uint64 `json:"content"`
				UserID   uint64 `json:"user_id"`
				Miner    string `json:"miner"`
				DealID   uint64 `json:"dealId"`
				Failed   bool   `json:"failed"`
				FailedAt time.Time
			}
			Chain *struct{ SectorStartEpoch float64 } `json:"onChainState"`
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if got.Deal.ID != 3 || got.Deal.Content != 5 || got.Deal.UserID != 7 || got.Deal.Miner != "f01" || got.Deal.DealID != 9 ||
			got.Deal.Failed != tt.failed || got.Deal.FailedAt.Equal(when) != tt.failed {
			t.Errorf("%s: deal = %+v", tt.state, got.Deal)
		}
		if got.Chain != nil && got.Chain.SectorStartEpoch != tt.start {
			t.Errorf("%s starts at %v, want %v", tt.state, got.Chain.SectorStartEpoch, tt.start)
		}
	}
}
