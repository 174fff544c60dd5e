package deals

import (
	"math"

	"github.com/whypfs/whypfs/kv"
)

// Every row of this package starts with prefix, and so do those of its rooms:
// deals/wallet owns the kind "wallet", deals/piece the kinds "zone", "piece",
// "shard", "prefix", "layout" and "span". Numbers in keys that end in
// "newest first" are stored as their complement, because scans only ascend.
const prefix = "deal"

func keyNeedless(pieceCID string) []byte    { return kv.Key(prefix, "needless", pieceCID) }
func keyDeal(uuid string) []byte            { return kv.Key(prefix, "deal", uuid) }
func keyLastID() []byte                     { return kv.Key(prefix, "lastid") }
func keyByID(id uint64) []byte              { return kv.Key(prefix, "byid", math.MaxUint64-id) }
func keyByZone(zone, id uint64) []byte      { return kv.Key(prefix, "byzone", zone, math.MaxUint64-id) }
func keyByPiece(p string, id uint64) []byte { return kv.Key(prefix, "bypiece", p, math.MaxUint64-id) }
func keyByProposal(cid string) []byte       { return kv.Key(prefix, "byproposal", cid) }
func keyPending(uuid string) []byte         { return kv.Key(prefix, "pending", uuid) }
func keySpent() []byte                      { return kv.Key(prefix, "spent") }
func keyEscrow(addr string) []byte          { return kv.Key(prefix, "escrow", addr) }
func keyProvider(addr string) []byte        { return kv.Key(prefix, "provider", addr) }
func keyAsk(addr string) []byte             { return kv.Key(prefix, "ask", addr) }
func keyChoice(piece string) []byte         { return kv.Key(prefix, "choice", piece) }
func keyFlight(addr, uuid string) []byte    { return kv.Key(prefix, "flight", addr, uuid) }
func keyHeld(bucket, addr, uuid string) []byte {
	return kv.Key(prefix, "held", bucket, addr, uuid)
}

// keyIndexed says that the deals are in all lists that this version keeps.
func keyIndexed() []byte                   { return kv.Key(prefix, "indexed", uint64(2)) }
func keyRefusal(piece, addr string) []byte { return kv.Key(prefix, "refusal", piece, addr) }
func keyFailure(nano uint64, id []byte) []byte {
	return kv.Key(prefix, "failure", math.MaxUint64-nano, id)
}
