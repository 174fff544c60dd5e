package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/queue"
)

// TestSentences: for each stage an object can be at, what is said of it.
func TestSentences(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	policy := buckets.Policy{Threshold: 15 << 30, MaxAge: 48 * time.Hour, Replication: 6, MaxPiece: 32 << 30}
	zone := func(state buckets.ZoneState, by, reason string, oldest time.Time) *buckets.Zone {
		return &buckets.Zone{ID: 7, State: state, SealedBy: by, Reason: reason, Oldest: oldest, Changed: now.Add(-5 * time.Minute), Policy: policy, Pieces: []string{"p"}}
	}
	job := func(kind string, in time.Duration, tries int, running bool) []queue.Job {
		return []queue.Job{{Kind: kind, Due: now.Add(in), Tries: tries, Running: running}}
	}
	deal := func(state deals.DealState, in time.Duration) deals.DealAccount {
		return deals.DealAccount{Deal: deals.Deal{State: state, EndEpoch: 1000}, Next: now.Add(in)}
	}
	many := func(n int, d deals.DealAccount) (out []deals.DealAccount) {
		for range n {
			out = append(out, d)
		}
		return out
	}
	lacks := func(n int) deals.PieceAccount {
		return deals.PieceAccount{Wanted: 6, Active: n, Next: now.Add(5 * time.Minute), Reason: "no provider accepts 1.0 MiB pieces"}
	}
	refused := func(p, reason string) deals.Candidate {
		return deals.Candidate{Provider: p, Verdict: deals.VerdictRefused, Why: reason}
	}
	for name, tt := range map[string]struct {
		x    Explanation
		want []string
	}{
		"unassigned": {Explanation{Content: buckets.Content{Created: now.Add(-2 * time.Second)}, Jobs: job("assign", 0, 0, false)}, []string{
			"It has 0 of 6 active deals.",
			"It was stored 2 s ago and is in no zone yet: zones gather the contents of a bucket for the next deals.",
			"It joins its bucket's open zone now."}},
		"unassigned, without core": {Explanation{Content: buckets.Content{Created: now}}, []string{
			"It has 0 of 6 active deals.",
			"It was stored just now and is in no zone yet: zones gather the contents of a bucket for the next deals.",
			"It joins its bucket's open zone as soon as a process with the role core runs."}},
		"open": {Explanation{Zone: zone(buckets.ZoneOpen, "", "waiting for 3.1 GiB more or 19 h", now.Add(-29*time.Hour))}, []string{
			"It has 0 of 6 active deals.",
			"Its zone, 7, still takes contents: waiting for 3.1 GiB more or 19 h.",
			"The zone is sealed when it has 15 GiB, or when its oldest content is 48 h old, which is in 19 h, at 2026-11-29 07:00 UTC. Then it is packed into pieces, and providers are asked for deals."}},
		"open, aged": {Explanation{Zone: zone(buckets.ZoneOpen, "", "older than 48 h, but …", now.Add(-50*time.Hour)), Jobs: job("seal", 20*time.Minute, 0, false)}, []string{
			"It has 0 of 6 active deals.",
			"Its zone, 7, still takes contents: older than 48 h, but ….",
			"Providers are asked again in 20 min, and whenever something is added to the zone.",
			"Sealed by hand (whypfs zone seal 7, or on its page) it goes on at once, and its piece is filled up with zeros."}},
		"sealed": {Explanation{Zone: zone(buckets.ZoneSealed, "size", "waiting to be packed", now), Jobs: job("zone", 0, 0, true)}, []string{
			"It has 0 of 6 active deals.",
			"Its zone, 7, was sealed 5 min ago, as it had enough, and is not packed into pieces yet: waiting to be packed.",
			"That is being done now."}},
		"sealed, failing": {Explanation{Zone: zone(buckets.ZoneSealed, "age", "pack: disk is full", now), Jobs: job("zone", 30*time.Second, 3, false)}, []string{
			"It has 0 of 6 active deals.",
			"Its zone, 7, was sealed 5 min ago, as its oldest content was old enough, and is not packed into pieces yet: pack: disk is full.",
			"It has failed 3 times, and is tried again in 30 s."}},
		"packed": {Explanation{Zone: zone(buckets.ZonePacked, "request", "waiting to be dealt", now), Pieces: []deals.PieceAccount{{Wanted: 6}}, Jobs: job("zone", 0, 0, false)}, []string{
			"It has 0 of 6 active deals.",
			"Its zone, 7, was packed into 1 piece 5 min ago: waiting to be dealt.",
			"Providers are asked for deals now."}},
		"dealing": {Explanation{Zone: zone(buckets.ZoneDealing, "size", "", now), Pieces: []deals.PieceAccount{{Wanted: 6, Active: 1,
			Next: now.Add(5 * time.Minute), Reason: "waiting until a provider may be asked again",
			Choice: deals.Choice{Candidates: []deals.Candidate{{Provider: "f00", Verdict: deals.VerdictHolds}, refused("f01", "refused: no"), refused("f02", strings.Repeat("x", 100)),
				refused("f03", "silent"), refused("f04", "silent"), refused("f05", "silent")}},
			Deals: append(many(2, deal(deals.DealAccepted, time.Minute)), deal(deals.DealPublished, 2*time.Minute), deal(deals.DealFailed, 0))}}}, []string{
			"It has 1 of 6 active deals.",
			"3 deals are under way: 2 accepted, with the provider to pull the data and publish the deal, 1 on chain, with the provider to seal the data. The next look at one is in 60 s.",
			"2 more deals are wanted; not asked now: f01 (refused: no), f02 (" + strings.Repeat("x", 90) + "…), f03 (silent), 2 others. Providers are chosen again in 5 min."}},
		"switched off": {Explanation{Zone: zone(buckets.ZoneDealing, "size", "", now), Pieces: []deals.PieceAccount{{Wanted: 6, Active: 5,
			Next: now.Add(time.Hour), Choice: deals.Choice{Candidates: []deals.Candidate{{Provider: "f00", Verdict: deals.VerdictHolds},
				{Provider: "f01", Verdict: deals.VerdictOff, Why: "making new deals is switched off by root since yesterday"}, {Provider: "f02", Verdict: deals.VerdictOff}}}}}}, []string{
			"It has 5 of 6 active deals.",
			"1 more deal is wanted; making new deals is switched off by root since yesterday. Providers are chosen again in 60 min, at 2026-11-28 13:00 UTC."}},
		"several pieces": {Explanation{Zone: zone(buckets.ZoneDealing, "size", "", now), Pieces: []deals.PieceAccount{
			{Wanted: 6, Active: 6}, lacks(0), lacks(1), lacks(0), lacks(2), lacks(3), lacks(4)}}, []string{
			"It has 0 of 6 active deals: as many as that of its 7 pieces with the fewest.",
			"Pieces 2, 4 of 7: 6 more deals are wanted; no provider accepts 1.0 MiB pieces. Providers are chosen again in 5 min.",
			"Piece 3 of 7: 5 more deals are wanted; no provider accepts 1.0 MiB pieces. Providers are chosen again in 5 min.",
			"Piece 5 of 7: 4 more deals are wanted; no provider accepts 1.0 MiB pieces. Providers are chosen again in 5 min.",
			"2 more of its pieces have not all deals either; they are listed below."}},
		"all pieces": {Explanation{Zone: zone(buckets.ZoneDealing, "size", "", now), Pieces: []deals.PieceAccount{
			{Wanted: 1, Deals: many(1, deal(deals.DealProposed, time.Minute))}, {Wanted: 1, Deals: many(1, deal(deals.DealProposed, 3*time.Second))}}}, []string{
			"It has 0 of 6 active deals: as many as that of its 2 pieces with the fewest.",
			"Each of the 2 pieces: 1 deal is under way: 1 being proposed. The next look at one is in 3 s."}},
		"complete": {Explanation{Zone: zone(buckets.ZoneComplete, "size", "", now), Content: buckets.Content{Offloaded: true},
			Pieces: []deals.PieceAccount{{Wanted: 6, Active: 6, Deals: many(6, deal(deals.DealActive, 40*time.Minute))}}}, []string{
			"It is safe on Filecoin: it has the 6 active deals that are wanted.",
			"Each deal is compared with the chain again and again, next in 40 min; one that is lost is replaced. The first ends at epoch 1000, and is renewed three weeks before.",
			"Its blocks are not kept here: a read brings them back from a provider."}},
		"complete, one lost": {Explanation{Zone: zone(buckets.ZoneComplete, "size", "", now),
			Pieces: []deals.PieceAccount{{Wanted: 6, Active: 5, Deals: many(5, deal(deals.DealActive, 40*time.Minute))}}}, []string{
			"It has 5 of 6 active deals.",
			"1 more deal is wanted; providers are being chosen now."}},
		"deleted": {Explanation{Zone: zone(buckets.ZoneComplete, "size", "everything in it was deleted", now), Content: buckets.Content{Deleted: true},
			Pieces: []deals.PieceAccount{{Wanted: 6, Active: 6}}}, []string{
			"It was deleted; the piece that it stands in may hold it for as long as its deals last.",
			"Its zone, 7, is complete: everything in it was deleted."}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.x.Wanted = 6
			tt.x.count()
			if got := tt.x.tell(now); strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("it is said:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}
