package web

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/whypfs/whypfs/buckets"
)

// mark is a badge of a bucket.
type mark struct{ Text, Tone, Title string }

// openness says whether callers whom nobody named get into a bucket over S3.
type openness int

const (
	closed  openness = iota
	open             // its policy or its access control list lets them in
	unknown          // what is stored about it cannot be read
)

// accessOf tells of a bucket. That it cannot be told must not keep a list of
// buckets from being shown.
func (s *server) accessOf(ctx context.Context, b buckets.Bucket) openness {
	if s.opt.Public == nil {
		return closed
	}
	public, err := s.opt.Public(ctx, b)
	switch {
	case err != nil:
		s.log.ErrorContext(ctx, "access of a bucket", "bucket", b.Name, "err", err)
		return unknown
	case public:
		return open
	}
	return closed
}

// marksOf are the badges of a bucket.
func marksOf(b buckets.Bucket, a openness) []mark {
	var out []mark
	switch b.Versioning {
	case buckets.Enabled:
		out = append(out, mark{"versioning", "calm", "What is replaced or deleted stays as a version"})
	case buckets.Suspended:
		out = append(out, mark{"versioning suspended", "dim", "Versions stay, but what is put now has none"})
	}
	if b.Lock != nil {
		out = append(out, mark{"object lock", "calm", "Versions can be locked against deletion"})
	}
	switch a {
	case open:
		out = append(out, mark{"public over S3", "busy", "Its policy or access control list lets in callers whom it does not name"})
	case unknown:
		out = append(out, mark{"access unknown", "bad", "What is stored about its access cannot be read: S3 refuses everybody"})
	}
	return out
}

// setting is how a bucket is set, and the command that changes or shows it.
type setting struct{ Name, Value, Command string }

// documents name the settings that only the S3 API knows: what a bucket has is
// told by name, and with which command it is shown.
var documents = map[string]struct{ name, command string }{
	"cors":              {"CORS", "get-bucket-cors"},
	"encryption":        {"Encryption", "get-bucket-encryption"},
	"notification":      {"Notification", "get-bucket-notification-configuration"},
	"ownership":         {"Object ownership", "get-bucket-ownership-controls"},
	"policy":            {"Bucket policy", "get-bucket-policy"},
	"publicAccessBlock": {"Public access block", "get-public-access-block"},
	"tagging":           {"Tags", "get-bucket-tagging"},
}

// settings tell how a bucket is set. A global bucket is known to no S3 client
// and has none.
func (s *server) settings(c *call, b buckets.Bucket, a openness) ([]setting, error) {
	if b.Global {
		return nil, nil
	}
	rules, err := s.buckets.Lifecycle(c.r.Context(), b)
	if err != nil {
		return nil, err
	}
	lifecycle := setting{"Lifecycle", "no rules: nothing expires by itself",
		s.aws(c, b, "put-bucket-lifecycle-configuration", "--lifecycle-configuration", "file://rules.json")}
	if rules != nil {
		lifecycle.Value = plural(len(rules.Rules), "rule") + ", applied once a day"
		lifecycle.Command = s.aws(c, b, "get-bucket-lifecycle-configuration")
	}
	access := setting{"Access", "its owner, admins, and whom its policy or access control list names",
		s.aws(c, b, "put-bucket-policy", "--policy", "file://policy.json")}
	switch a {
	case open:
		access.Value, access.Command = "public: callers whom its policy or access control list does not name get in", s.aws(c, b, "put-public-access-block",
			"--public-access-block-configuration", "IgnorePublicAcls=true,RestrictPublicBuckets=true")
	case unknown:
		access.Value, access.Command = "unknown: what is stored cannot be read, and S3 refuses everybody; the node's log says why", s.aws(c, b, "delete-bucket-policy")
	}
	out := []setting{s.versioningSetting(c, b), s.lockSetting(c, b), lifecycle, access}
	for _, name := range slices.Sorted(maps.Keys(b.Documents)) {
		if d, ok := documents[name]; ok {
			out = append(out, setting{d.name, "set", s.aws(c, b, d.command)})
		}
	}
	return append(out, policySetting(b), providerSetting(b)), nil
}

// providerSetting tells which providers may have pieces of a bucket.
func providerSetting(b buckets.Bucket) setting {
	return setting{"Providers", rulesText(b.Policy.Providers), fmt.Sprintf("whypfs bucket policy %s --owners 3 --regions 2 --share 50", b.Name)}
}

// rulesText says which providers may have a piece, for a person.
func rulesText(r buckets.ProviderRules) string {
	out := []string{"each provider at most once"}
	if r.Owners > 0 {
		out = append(out, "at least "+plural(r.Owners, "owner"))
	}
	if r.Regions > 0 {
		out = append(out, "at least "+plural(r.Regions, "region"))
	}
	if r.Share > 0 {
		out = append(out, fmt.Sprintf("at most %d %% of the bucket with one owner", r.Share))
	}
	if len(r.Block) > 0 {
		out = append(out, "never "+strings.Join(r.Block, ", "))
	}
	if len(r.Allow) > 0 {
		out = append(out, "only "+strings.Join(r.Allow, ", "))
	}
	return strings.Join(out, "; ")
}

func (s *server) versioningSetting(c *call, b buckets.Bucket) setting {
	out := setting{Name: "Versioning", Value: "off: what is replaced or deleted is gone"}
	next := buckets.Enabled
	switch b.Versioning {
	case buckets.Enabled:
		out.Value, next = "on: what is replaced or deleted stays as a version", buckets.Suspended
	case buckets.Suspended:
		out.Value = "suspended: versions stay, but what is put now has the id null and replaces the one that has it"
	}
	if b.Lock != nil {
		out.Value += "; object lock keeps it on"
		return out
	}
	out.Command = s.aws(c, b, "put-bucket-versioning", "--versioning-configuration", "Status="+string(next))
	return out
}

func (s *server) lockSetting(c *call, b buckets.Bucket) setting {
	out := setting{Name: "Object lock", Value: "off; it needs versioning"}
	if b.Versioning != buckets.Enabled {
		return out
	}
	const set, flag = "put-object-lock-configuration", "--object-lock-configuration"
	if b.Lock == nil {
		out.Value, out.Command = "off; once on it stays on", s.aws(c, b, set, flag, "ObjectLockEnabled=Enabled")
		return out
	}
	out.Value = "on; new objects are retained only if they ask for it"
	if d := b.Lock.Default; d != nil {
		out.Value = fmt.Sprintf("on; new objects are retained in %s mode for %s", d.Mode, plural(d.Days, "day"))
		if d.Years > 0 {
			out.Value = fmt.Sprintf("on; new objects are retained in %s mode for %s", d.Mode, plural(d.Years, "year"))
		}
	}
	out.Command = s.aws(c, b, set, flag, `{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":30}}}`)
	return out
}

func policySetting(b buckets.Bucket) setting {
	v := policyText(b.Policy)
	if b.Policy.Archive {
		v += "; S3 clients restore what is kept there alone before they read it"
	}
	return setting{"Filecoin", v, fmt.Sprintf("whypfs bucket policy %s --replication %d --max-piece %s --aged %s",
		b.Name, b.Policy.Replication, strings.ReplaceAll(bytesText(b.Policy.MaxPiece), " ", ""), b.Policy.Aged)}
}

// policyText says when zones are sealed, and what becomes of them.
func policyText(p buckets.Policy) string {
	v := fmt.Sprintf("%s, sealed at %s or after %s; pieces of up to %s", plural(p.Replication, "copy"),
		bytesText(p.Threshold), spanText(p.MaxAge), bytesText(p.MaxPiece))
	switch p.Aged {
	case buckets.AgedWait:
		v += "; an aged zone that is too small for providers waits for more"
	case buckets.AgedChoose:
		v += "; an aged zone goes to those providers alone that take so small a piece"
	default:
		v += "; an aged zone that is too small for providers is filled up with zeros"
	}
	return v
}

// aws is a command line that does something with a bucket.
func (s *server) aws(c *call, b buckets.Bucket, operation string, args ...string) string {
	words := append([]string{"aws", "--endpoint-url", s.s3URL(c.r), "s3api", operation, "--bucket", b.Name}, args...)
	for i, w := range words {
		words[i] = quoted(w)
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// quoted is a word as a shell takes it.
func quoted(w string) string {
	if plainWord.MatchString(w) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
