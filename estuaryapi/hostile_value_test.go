package estuaryapi_test

import (
	"math/rand/v2"
	"strings"
)

// A chooser decides what a hostile request is like: by chance, or by the bytes
// that the fuzzer varies.
type chooser interface {
	n(k int) int // from 0 to k-1
}

type byChance struct{ *rand.Rand }

func (c byChance) n(k int) int { return c.IntN(k) }

// byBytes chooses the first of everything when its bytes are used up.
type byBytes struct{ left []byte }

func (c *byBytes) n(k int) int {
	if len(c.left) == 0 {
		return 0
	}
	b := int(c.left[0])
	c.left = c.left[1:]
	if k > 256 && len(c.left) > 0 {
		b = b<<8 | int(c.left[0])
		c.left = c.left[1:]
	}
	return b % k
}

func one[T any](c chooser, of []T) T { return of[c.n(len(of))] }

// Values that are not what most parameters are, or just at its edge.
var (
	wrongNumbers = []string{"0", "-1", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775809",
		"1e3", "1.5", "0x10", "+1", " 1", "1 ", "٣", "NaN", "Infinity", "1,2,3", "1,", ",", "00000000000000000001", "1_000", strings.Repeat("9", 5000)}
	wrongTexts = []string{"\x00", "\xff\xfe", "a\xc3", "\xed\xa0\x80", "\u202e\u0000\ufeff", "💥", "../../../etc/passwd", "..", ".", "/", "//", "a/../b", "a//b", "%2e%2e%2f", "%00",
		"%", "*", "?", "#", ";", "' OR 1=1 --", "{{.}}", "${x}", "<script>alert(1)</script>", "a\r\nX-Injected: 1", "\n", "\t", " ", "null", "undefined", "true", "[]", "{}", "\"", "\\",
		strings.Repeat("a", 300), strings.Repeat("ü", 2000), strings.Repeat("a", 100_000), strings.Repeat("/a", 5000), "con", "id", "list", "Bearer x", "-", "_", "a b"}
	wrongTimes = []string{"0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999+23:59", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-29", "1970-01-01T00:00", "9999-12-31T23:59",
		"-292277022399-01-01T00:00:00Z", "1700000000", "now"}
	wrongSpans = []string{"0", "1h", "-1h", "2562047h", "2562048h", "9223372036854775807ns", "1e9h", "false", "1d", "876000h", "1ns"}
	wrongCIDs  = []string{"bafkqaaa", "bafkqabtimvwgy3yk", "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", "qmunllspaccz1vlxqvkxqqlx5r1x345qqfhbsf67hva3nn",
		"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354", "BAFKQAAA", "f01550000", "z", "b", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52z",
		"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "bagaaiera", "f017012200000000000000000000000000000000000000000000000000000000000000000",
		"f0155" + "00ff01" + strings.Repeat("61", 255), "f0155" + "00a08d06" + strings.Repeat("61", 100_000/2), "f01701b220" + strings.Repeat("00", 32), "f01ffffff7f1220" + strings.Repeat("ab", 32),
		"f017200", "f01700a0a0812060a0474657374", "/ipfs/bafkqaaa", "12D3KooWAfPDpPRRRBrmqy9is2zjU5srQ4hKuZitiGmh4NTTpS2d"}
	wrongMiners = []string{"f00", "f0", "t01000", "f01000", "f099", "f09999999999999999999", "f018446744073709551615", "f018446744073709551616", "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za",
		"f410fkkld55ioe7qg24wvt7fu6pbknb56ht7pt4zamxa", "F01000", "01000", "f0-1", "f01000 "}
	wrongNames = []string{"8a1f4a5e-0f0e-4b51-a1ab-3a2f9f6d1c11", "00000000-0000-0000-0000-000000000000", "{8a1f4a5e-0f0e-4b51-a1ab-3a2f9f6d1c11}", "nobody", "ann", "root",
		"EST8a1f4a5eARY", "/dir", "/", "dir", "/a/../b", "/a//b/", "path", "content_id", "exact", "ipartial", "queued,pinning,pinned,failed", "file", "application/json"}
)

// text is a value that is wrong more often than not, of a kind that may be right here.
func text(c chooser, known []string) string {
	switch c.n(8) {
	case 0, 1:
		return one(c, known)
	case 2:
		return one(c, wrongNumbers)
	case 3:
		return one(c, wrongCIDs)
	case 4:
		return one(c, [][]string{wrongTimes, wrongSpans, wrongMiners}[c.n(3)])
	case 5:
		return one(c, wrongNames)
	case 6:
		return ""
	default:
		return one(c, wrongTexts)
	}
}

// wrongHeaders are headers that some route, or what is in front of it, reads.
var wrongHeaders = [][2]string{
	{"Range", "bytes=0-0"}, {"Range", "bytes=-1"}, {"Range", "bytes=5-2"}, {"Range", "bytes=" + strings.Repeat("0-1,", 500) + "0-1"}, {"Range", "bytes=9223372036854775807-"}, {"Range", "x"},
	{"If-None-Match", "*"}, {"If-None-Match", `"` + strings.Repeat("a", 5000) + `"`}, {"If-Match", "\xff"}, {"If-Modified-Since", "yesterday"}, {"If-Range", "\"x\""},
	{"Accept", "application/vnd.ipld.car; version=1; order=dfs; dups=y"}, {"Accept", "application/vnd.ipld.raw"}, {"Accept", "application/vnd.ipld.dag-json"}, {"Accept", "application/x-tar"},
	{"Accept", "application/vnd.ipfs.ipns-record"}, {"Accept", "text/html"}, {"Accept", "\xff"}, {"Accept-Encoding", "gzip, br, *;q=0"}, {"Content-Encoding", "gzip"},
	{"Content-Type", "application/json; charset=\xff"}, {"Content-Type", "multipart/form-data"}, {"Content-Type", "text/plain"}, {"Content-Type", strings.Repeat("a", 9000)},
	{"Origin", "https://example.org"}, {"X-Forwarded-For", "\xff, 127.0.0.1"}, {"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Proto", "gopher"}, {"Expect", "100-continue"},
	{"Upgrade", "websocket"}, {"Cookie", "session=x; session=\xff"}, {"X-Ipfs-Gateway-Prefix", "/x\r"}, {"Authorization", "Basic YTpi"}, {"Authorization", "\xff"}, {"Cache-Control", "only-if-cached"},
	{"User-Agent", strings.Repeat("a", 20_000)}, {"Referer", "\xff"}, {"Service-Worker", "script"}, {"Method", "DELETE"}, {"X-HTTP-Method-Override", "DELETE"},
}
