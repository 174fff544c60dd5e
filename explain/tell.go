package explain

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/internal/span"
)

// tell says how it is, why, and what happens next.
func (x *Explanation) tell(now time.Time) []string {
	var out []string
	switch {
	case x.Content.Deleted:
		out = append(out, "It was deleted; the piece that it stands in may hold it for as long as its deals last.")
	case x.Safe && len(x.Pieces) > 1:
		out = append(out, fmt.Sprintf("It is safe on Filecoin: each of its %d pieces has the %s that are wanted.", len(x.Pieces), plural(x.Wanted, "active deal")))
	case x.Safe:
		out = append(out, fmt.Sprintf("It is safe on Filecoin: it has the %s that are wanted.", plural(x.Wanted, "active deal")))
	case len(x.Pieces) > 1:
		out = append(out, fmt.Sprintf("It has %d of %d active deals: as many as that of its %d pieces with the fewest.", x.Active, x.Wanted, len(x.Pieces)))
	default:
		out = append(out, fmt.Sprintf("It has %d of %d active deals.", x.Active, x.Wanted))
	}
	switch z := x.Zone; {
	case z == nil:
		out = append(out, x.unassigned(now)...)
	case z.State == buckets.ZoneOpen:
		out = append(out, x.open(*z, now)...)
	case z.State == buckets.ZoneSealed, z.State == buckets.ZonePacked:
		out = append(out, x.sealed(*z, now)...)
	default:
		out = append(out, x.dealt(*z, now)...)
	}
	if x.Content.Offloaded {
		out = append(out, "Its blocks are not kept here: a read brings them back from a provider.")
	}
	return out
}

func (x *Explanation) unassigned(now time.Time) []string {
	out := []string{"It was stored " + ago(now, x.Content.Created) + " and is in no zone yet: zones gather the contents of a bucket for the next deals."}
	if j, ok := x.job("assign"); ok {
		return append(out, "It joins its bucket's open zone "+when(now, j.Due)+".")
	}
	return append(out, "It joins its bucket's open zone as soon as a process with the role core runs.")
}

func (x *Explanation) open(z buckets.Zone, now time.Time) []string {
	out := []string{fmt.Sprintf("Its zone, %d, still takes contents: %s.", z.ID, z.Reason)}
	due := z.Oldest.Add(z.Policy.MaxAge)
	if now.Before(due) {
		return append(out, fmt.Sprintf("The zone is sealed when it has %s, or when its oldest content is %s old, which is %s. Then it is packed into pieces, and providers are asked for deals.",
			size(z.Policy.Threshold), span.Text(z.Policy.MaxAge), when(now, due)))
	}
	j, ok := x.job("seal")
	switch {
	case !ok:
		out = append(out, "It is looked at as soon as something is added to it.")
	case j.Due.After(now):
		out = append(out, fmt.Sprintf("Providers are asked again %s, and whenever something is added to the zone.", when(now, j.Due)))
	default:
		out = append(out, "It is being looked at now.")
	}
	return append(out, fmt.Sprintf("Sealed by hand (whypfs zone seal %d, or on its page) it goes on at once, and its piece is filled up with zeros.", z.ID))
}

// sealedBy words what a zone was sealed by.
var sealedBy = map[string]string{
	"size": "as it had enough", "age": "as its oldest content was old enough", "count": "as it had as many contents as a zone takes", "request": "by request",
}

func (x *Explanation) sealed(z buckets.Zone, now time.Time) []string {
	first := fmt.Sprintf("Its zone, %d, was sealed %s, %s, and is not packed into pieces yet: %s.", z.ID, ago(now, z.Changed), sealedBy[z.SealedBy], z.Reason)
	next := "It is packed"
	if z.State == buckets.ZonePacked {
		first = fmt.Sprintf("Its zone, %d, was packed into %s %s: %s.", z.ID, plural(len(z.Pieces), "piece"), ago(now, z.Changed), z.Reason)
		next = "Providers are asked for deals"
	}
	j, ok := x.job("zone")
	switch {
	case !ok:
		next += " as soon as a process with the role core runs."
	case j.Running:
		next = "That is being done now."
	case j.Tries > 0:
		next = fmt.Sprintf("It has failed %s, and is tried again %s.", plural(j.Tries, "time"), when(now, j.Due))
	default:
		next += " " + when(now, j.Due) + "."
	}
	return []string{first, next}
}

func (x *Explanation) dealt(z buckets.Zone, now time.Time) []string {
	if x.Content.Deleted {
		return []string{fmt.Sprintf("Its zone, %d, is %s: %s.", z.ID, z.State, z.Reason)}
	}
	if len(x.Pieces) == 0 {
		return []string{fmt.Sprintf("Its bytes stand in its CID, and need no piece of zone %d.", z.ID)}
	}
	lacks := lacking(x.Pieces)
	if len(lacks) == 0 {
		return []string{x.kept(now)}
	}
	var out []string
	for i, l := range lacks {
		if i == toldLacks {
			out = append(out, fmt.Sprintf("%s not all deals either; they are listed below.", hasHave(piecesOf(lacks[i:]), "more of its pieces")))
			break
		}
		out = append(out, l.tell(len(x.Pieces), now)...)
	}
	return out
}

// kept says how the deals of an object that is safe are looked after.
func (x *Explanation) kept(now time.Time) string {
	var next time.Time
	first := int64(0)
	for _, p := range x.Pieces {
		for _, d := range p.Deals {
			if d.State != deals.DealActive {
				continue
			}
			if !d.Next.IsZero() && (next.IsZero() || d.Next.Before(next)) {
				next = d.Next
			}
			if first == 0 || d.EndEpoch < first {
				first = d.EndEpoch
			}
		}
	}
	s := "Each deal is compared with the chain again and again"
	if !next.IsZero() {
		s += ", next " + when(now, next)
	}
	return s + fmt.Sprintf("; one that is lost is replaced. The first ends at epoch %d, and is renewed three weeks before.", first)
}

func isAre(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}

func hasHave(n int, what string) string {
	if n == 1 {
		return "1 " + what + " has"
	}
	return fmt.Sprintf("%d %s have", n, what)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// when is a time from now on: how long it is until then, and if that is long, the time.
func when(now, t time.Time) string {
	d := t.Sub(now)
	switch {
	case d < time.Second:
		return "now"
	case d < time.Hour:
		return "in " + span.Text(d)
	}
	return "in " + span.Text(d) + ", at " + t.UTC().Format("2006-01-02 15:04 UTC")
}

func ago(now, t time.Time) string {
	if d := now.Sub(t); d >= time.Second {
		return span.Text(d) + " ago"
	}
	return "just now"
}
