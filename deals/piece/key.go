package piece

import "github.com/whypfs/whypfs/kv"

// prefix is that of package deals, under which the kinds of rows here are this package's.
const prefix = "deal"

func keyZone(zone uint64) []byte             { return kv.Key(prefix, "zone", zone) }
func keyPiece(c string) []byte               { return kv.Key(prefix, "piece", c) }
func keyShard(zone, ord uint64) []byte       { return kv.Key(prefix, "shard", zone, ord) }
func keyPrefix(zone, ord uint64) []byte      { return kv.Key(prefix, "prefix", zone, ord) }
func keyChunks(zone, ord uint64) []byte      { return kv.Key(prefix, "chunks", zone, ord) }
func keyLayout(zone, ord, off uint64) []byte { return kv.Key(prefix, "layout", zone, ord, off) }
func keySpans(zone, content, n uint64) []byte {
	return kv.Key(prefix, "span", zone, content, n)
}
