package kv_test

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/kv"
)

func TestKeyOrder(t *testing.T) {
	sorted := [][]any{
		{},
		{""},
		{"", ""},
		{"", "a"},
		{"", uint64(0)},
		{"\x00"},
		{"\x00", "a"},
		{"\x00\x00"},
		{"\x00\x01"},
		{"\x00\xff"},
		{"\x01"},
		{"a"},
		{"a", uint64(0)},
		{"a", uint64(255)},
		{"a", uint64(256)},
		{"a", uint64(math.MaxUint64)},
		{"a", uint64(math.MaxUint64), "b"},
		{"a\x00"},
		{"a\x00b"},
		{"a\x01"},
		{"aa"},
		{"b"},
		{"\xff"},
		{"\xff\xff"},
	}
	for i := 1; i < len(sorted); i++ {
		a, b := kv.Key(sorted[i-1]...), kv.Key(sorted[i]...)
		if bytes.Compare(a, b) >= 0 {
			t.Errorf("Key(%q) = %x, not less than Key(%q) = %x", sorted[i-1], a, sorted[i], b)
		}
	}
}

func TestRange(t *testing.T) {
	tests := []struct {
		name  string
		parts []any
		in    [][]any
		out   [][]any
	}{
		{"string", []any{"a"}, [][]any{{"a"}, {"a", "x"}, {"a", uint64(math.MaxUint64)}, {"a", []byte{0xff}}},
			[][]any{{"a\x00"}, {"a\x00x"}, {"aa"}, {""}, {"b"}, {"\x00"}}},
		{"number", []any{"a", uint64(7)}, [][]any{{"a", uint64(7)}, {"a", uint64(7), "x"}},
			[][]any{{"a", uint64(8)}, {"a", uint64(6), "x"}, {"a", "7"}}},
		// All bytes of the last part are 0xff: the successor is a carry into its tag.
		{"largest number", []any{"a", uint64(math.MaxUint64)}, [][]any{{"a", uint64(math.MaxUint64), "\xff"}},
			[][]any{{"a", uint64(math.MaxUint64 - 1)}, {"b"}}},
		{"bytes", []any{[]byte{0, 0xff}}, [][]any{{[]byte{0, 0xff}, "x"}},
			[][]any{{[]byte{0, 0xff, 0}}, {[]byte{0}}, {"\x00\xff"}}},
	}
	for _, test := range tests {
		from, to := kv.Range(test.parts...)
		if !bytes.Equal(to, kv.After(test.parts...)) {
			t.Errorf("%s: Range ends at %x, After is %x", test.name, to, kv.After(test.parts...))
		}
		for _, parts := range test.in {
			if !within(kv.Key(parts...), from, to) {
				t.Errorf("%s: %q is not in the range", test.name, parts)
			}
		}
		for _, parts := range test.out {
			if within(kv.Key(parts...), from, to) {
				t.Errorf("%s: %q is in the range", test.name, parts)
			}
		}
	}
	if to := kv.After(); to != nil {
		t.Errorf("After() = %x, want nil", to)
	}
}

func within(key, from, to []byte) bool {
	return bytes.Compare(key, from) >= 0 && (to == nil || bytes.Compare(key, to) < 0)
}

func TestPrefix(t *testing.T) {
	from, to := kv.Prefix("b", "dir/")
	for s, in := range map[string]bool{
		"dir/": true, "dir/\x00": true, "dir/a": true, "dir/\xff\xff": true,
		"dir": false, "dir0": false, "dir.": false, "": false,
	} {
		for _, key := range [][]byte{kv.Key("b", s), kv.Key("b", s, uint64(1))} {
			if within(key, from, to) != in {
				t.Errorf("%q starts with dir/: %v, want %v", s, !in, in)
			}
		}
	}
	from, to = kv.Prefix("b", "")
	if !within(kv.Key("b", "x"), from, to) || within(kv.Key("b", uint64(1)), from, to) || within(kv.Key("c", "x"), from, to) {
		t.Errorf("Prefix of an empty string holds other than the strings")
	}
}

func TestUnkeyRefuses(t *testing.T) {
	var s string
	var b []byte
	var n uint64
	tests := []struct {
		name string
		key  []byte
		into []any
	}{
		{"too few parts", kv.Key("a"), []any{&s, &s}},
		{"too many parts", kv.Key("a", "b"), []any{&s}},
		{"string as number", kv.Key("a"), []any{&n}},
		{"number as string", kv.Key(uint64(1)), []any{&s}},
		{"string as bytes", kv.Key("a"), []any{&b}},
		{"bytes as string", kv.Key([]byte("a")), []any{&s}},
		{"a target of another type", kv.Key(uint64(1)), []any{new(int)}},
		{"cut number", kv.Key(uint64(1))[:5], []any{&n}},
		{"cut string", kv.Key("abc")[:3], []any{nil}},
		{"cut escape", []byte{2, 'a', 0}, []any{nil}},
		{"bad escape", []byte{2, 0, 7, 0, 1}, []any{nil}},
		{"bad tag", []byte{9, 1}, []any{nil}},
	}
	for _, test := range tests {
		if err := kv.Unkey(test.key, test.into...); !errors.Is(err, kv.ErrKey) {
			t.Errorf("%s: Unkey = %v, want %v", test.name, err, kv.ErrKey)
		}
	}
}

func TestKeyRefusesOtherTypes(t *testing.T) {
	for _, part := range []any{1, int64(1), nil, 1.5, kv.Row{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Key(%T) did not panic", part)
				}
			}()
			kv.Key("a", part)
		}()
	}
}

// FuzzKey checks that keys come back as they went in and are in the order of
// their parts.
func FuzzKey(f *testing.F) {
	f.Add("a", []byte("b"), uint64(1), "a", []byte("b"), uint64(2))
	f.Add("a\x00", []byte{0, 1}, uint64(0), "a", []byte{0, 0xff}, uint64(math.MaxUint64))
	f.Add("", []byte{}, uint64(255), "\xff", []byte{0xff}, uint64(256))
	f.Fuzz(func(t *testing.T, s1 string, b1 []byte, n1 uint64, s2 string, b2 []byte, n2 uint64) {
		k1, k2 := kv.Key(s1, b1, n1), kv.Key(s2, b2, n2)
		var s string
		var b []byte
		var n uint64
		if err := kv.Unkey(k1, &s, &b, &n); err != nil || s != s1 || !bytes.Equal(b, b1) || n != n1 {
			t.Errorf("Unkey(Key(%q, %x, %d)) = %q, %x, %d, %v", s1, b1, n1, s, b, n, err)
		}
		want := cmp.Or(strings.Compare(s1, s2), bytes.Compare(b1, b2), cmp.Compare(n1, n2))
		if got := bytes.Compare(k1, k2); got != want {
			t.Errorf("Key(%q, %x, %d) to Key(%q, %x, %d) compares as %d, want %d", s1, b1, n1, s2, b2, n2, got, want)
		}
		if want != 0 && bytes.HasPrefix(k1, k2) {
			t.Errorf("%x starts with %x", k1, k2)
		}
		from, to := kv.Range(s1, b1)
		if got, want := within(k2, from, to), s1 == s2 && bytes.Equal(b1, b2); got != want {
			t.Errorf("%x in the range of (%q, %x): %v, want %v", k2, s1, b1, got, want)
		}
		from, to = kv.Prefix(s1)
		if got, want := within(k2, from, to), strings.HasPrefix(s2, s1); got != want {
			t.Errorf("%x has the prefix %q: %v, want %v", k2, s1, got, want)
		}
	})
}

// FuzzUnkey reads any bytes; what is accepted is what Key writes.
func FuzzUnkey(f *testing.F) {
	f.Add(kv.Key("a", uint64(1)))
	f.Add([]byte{2, 0, 0xff, 0, 1})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, key []byte) {
		var s1, s2 string
		var n uint64
		if kv.Unkey(key, &s1, &n) == nil && !slices.Equal(kv.Key(s1, n), key) {
			t.Errorf("%x is read as (%q, %d), which is %x", key, s1, n, kv.Key(s1, n))
		}
		if kv.Unkey(key, &s1, &s2) == nil && !slices.Equal(kv.Key(s1, s2), key) {
			t.Errorf("%x is read as (%q, %q), which is %x", key, s1, s2, kv.Key(s1, s2))
		}
	})
}

func TestJSON(t *testing.T) {
	type thing struct{ Name string }
	s := openBolt(t, t.TempDir()+"/meta.db", kv.BoltOptions{})
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		if _, err := kv.GetJSON[thing](tx, kv.Key("t")); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("GetJSON of no row = %v, want %v", err, kv.ErrNotFound)
		}
		if err := kv.PutJSON(tx, kv.Key("t"), thing{"x"}); err != nil {
			return err
		}
		if got, err := kv.GetJSON[thing](tx, kv.Key("t")); err != nil || got.Name != "x" {
			t.Errorf("GetJSON = %v, %v", got, err)
		}
		if _, err := kv.GetJSON[int](tx, kv.Key("t")); err == nil || errors.Is(err, kv.ErrNotFound) {
			t.Errorf("GetJSON as another type = %v", err)
		}
		if err := kv.PutJSON(tx, kv.Key("f"), func() {}); err == nil {
			t.Error("PutJSON of a function succeeded")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
