package buckets_test

import (
	"fmt"
	"testing"

	"github.com/whypfs/whypfs/buckets"
)

// asking is an upload that asks for n deals.
func asking(n int, body string) buckets.Upload {
	up := upload(body)
	up.Replication = func() int { return n }
	return up
}

// Contents that ask for a number of deals wait in a zone for that number, and
// what the policy says anyway in the one that follows the policy.
func TestReplication(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.policied("one", func(p *buckets.Policy) {
		p.Replication, p.Providers.Owners = 3, 3
	})
	contents := map[string]uint64{}
	for i, n := range []int{0, 2, 3, 5, 2, 0} {
		key := fmt.Sprint(i, "/", n)
		o, err := f.Put(t.Context(), b, key, 7, asking(n, fresh(100)), buckets.Attributes{}, buckets.Conditions{})
		if err != nil {
			t.Fatal(err)
		}
		contents[key] = o.Content
	}
	for _, n := range []int{-1, buckets.MaxReplication + 1} {
		_, err := f.Put(t.Context(), b, "no", 7, asking(n, "no"), buckets.Attributes{}, buckets.Conditions{})
		wantErr(t, fmt.Sprint("Put with ", n), err, buckets.ErrReplication)
	}
	f.assigned(b)
	zoneOf := func(key string) buckets.Zone { return f.zone(f.content(contents[key]).Zone) }
	for _, same := range [][]string{{"0/0", "2/3", "5/0"}, {"1/2", "4/2"}, {"3/5"}} {
		for _, key := range same {
			if zoneOf(key).ID != zoneOf(same[0]).ID || zoneOf(key).Count != int64(len(same)) {
				t.Errorf("%s is in zone %+v, %s in %d", key, zoneOf(key), same[0], zoneOf(same[0]).ID)
			}
		}
	}
	if got, want := zoneOf("1/2").Reason, "waiting for 15 GiB more of contents that ask for 2 deals or 48 h"; got != want {
		t.Errorf("reason is %q, want %q", got, want)
	}
	// A later policy is that of contents that did not ask.
	f.policy(b, func(p *buckets.Policy) { p.Replication = 4 })
	want := map[string][2]int{"0/0": {4, 3}, "1/2": {2, 2}, "3/5": {5, 3}}
	for key, w := range want {
		if p := zoneOf(key).Policy; p.Replication != w[0] || p.Providers.Owners != w[1] {
			t.Errorf("zone of %s wants %d deals with %d owners, want %v", key, p.Replication, p.Providers.Owners, w)
		}
		if err := f.SealZone(t.Context(), zoneOf(key).ID); err != nil {
			t.Fatal(err)
		}
	}
	// What is fixed when they are sealed stays, and others are opened.
	f.policy(b, func(p *buckets.Policy) { p.Replication = 1; p.Providers.Owners = 0 })
	for key, w := range want {
		if z := zoneOf(key); z.State == buckets.ZoneOpen || z.Policy.Replication != w[0] || z.Policy.Providers.Owners != w[1] {
			t.Errorf("sealed zone of %s is %+v, want %v", key, z, w)
		}
	}
	o, err := f.Put(t.Context(), b, "next", 7, asking(2, fresh(1)), buckets.Attributes{}, buckets.Conditions{})
	if err != nil {
		t.Fatal(err)
	}
	f.assigned(b)
	if z := f.zone(f.content(o.Content).Zone); z.ID == zoneOf("1/2").ID || z.State != buckets.ZoneOpen || z.Policy.Replication != 2 {
		t.Errorf("the next one is in %+v", z)
	}
	// The last one to leave takes the zone with it.
	f.delete(b, "next")
	if again, err := f.Put(t.Context(), b, "next", 7, asking(2, fresh(1)), buckets.Attributes{}, buckets.Conditions{}); err != nil {
		t.Fatal(err)
	} else if f.assigned(b); f.content(again.Content).Zone == 0 {
		t.Error("it is in no zone")
	}
}

// The same bytes again are the same content only with the same number of deals.
func TestReplicationAgain(t *testing.T) {
	f := newTest(t, buckets.Options{})
	b := f.policied("one", func(p *buckets.Policy) { p.Replication = 3 })
	put := func(n int) buckets.Content {
		t.Helper()
		o, err := f.Put(t.Context(), b, "key", 7, asking(n, "the same"), buckets.Attributes{}, buckets.Conditions{})
		if err != nil {
			t.Fatal(err)
		}
		f.assigned(b)
		return f.content(o.Content)
	}
	first := put(0)
	if c := put(3); c.ID != first.ID || c.Replication != 0 {
		t.Errorf("with the policy's number it is %+v, was %+v", c, first)
	}
	second := put(2)
	if second.ID == first.ID || second.Replication != 2 || second.Zone == first.Zone {
		t.Errorf("with another number it is %+v, was %+v", second, first)
	}
	for _, n := range []int{2, 0} {
		if c := put(n); c.ID != second.ID {
			t.Errorf("with %d then it is %+v, was %+v", n, c, second)
		}
	}
	if list := f.zones(); len(list) != 1 || list[0].ID != second.Zone {
		t.Errorf("zones are %+v", list)
	}
	// Nothing else asks: a copy has its bucket's number.
	src, err := f.Head(t.Context(), b, "key", "")
	if err != nil {
		t.Fatal(err)
	}
	o, err := f.Copy(t.Context(), src, b, "copy", 7, buckets.Attributes{}, buckets.Conditions{})
	if err != nil || f.content(o.Content).Replication != 0 {
		t.Errorf("the copy is %+v, %v", f.content(o.Content), err)
	}
}

// What counts is the number that the content has, which a sealed zone keeps,
// and not the one that its bucket's policy says by now.
func TestReplicationAgainUnderAnotherPolicy(t *testing.T) {
	for _, test := range []struct {
		name               string
		first, policy, now int // the policy is of 4 deals at first
		same               bool
	}{
		{"the policy asks for more by now", 0, 6, 6, false},
		{"the policy asks for what the content did", 2, 2, 2, true},
		{"the policy asked for what is asked now", 0, 6, 4, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newTest(t, buckets.Options{})
			b := f.policied("one", func(p *buckets.Policy) { p.Replication = 4 })
			put := func(n int) buckets.Content {
				t.Helper()
				o, err := f.Put(t.Context(), b, "key", 7, asking(n, "the same"), buckets.Attributes{}, buckets.Conditions{})
				if err != nil {
					t.Fatal(err)
				}
				return f.content(o.Content)
			}
			first := put(test.first)
			f.sealed(b)
			f.policy(b, func(p *buckets.Policy) { p.Replication = test.policy })
			again := put(test.now)
			f.assigned(b)
			if again.ID == first.ID != test.same {
				t.Errorf("again it is %+v, was %+v", again, first)
			}
			if z := f.zone(f.content(again.ID).Zone); z.Policy.Replication != test.now {
				t.Errorf("it is in %+v, want %d deals", z, test.now)
			}
		})
	}
}
