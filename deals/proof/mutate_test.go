package proof_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/proof"
)

// A mutation changes one place of a proof.
type mutation struct {
	name string
	do   func()
}

// mutations are all the small ways in which v, at a path, can be another value.
// v has to be settable.
func mutations(path string, v reflect.Value) (out []mutation) {
	add := func(how string, do func()) { out = append(out, mutation{path + " " + how, do}) }
	switch x := v.Addr().Interface().(type) {
	case *proof.Bytes:
		old := slices.Clone(*x)
		if len(old) > 0 {
			for _, at := range []int{0, len(old) / 2, len(old) - 1} {
				add(fmt.Sprintf("with another byte %d", at), func() { *x = slices.Clone(old); (*x)[at] ^= 1 })
			}
			add("emptied", func() { *x = nil })
			add("without a byte", func() { *x = old[1:] })
			add("without 32 bytes", func() { *x = old[min(32, len(old)):] })
		}
		add("with a byte more", func() { *x = append(slices.Clone(old), 0) })
		add("with 32 bytes more", func() { *x = append(slices.Clone(old), make([]byte, 32)...) })
		return out
	case *time.Time:
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			out = append(out, mutations(strings.TrimPrefix(path+"."+name, "."), v.Field(i))...)
		}
	case reflect.Slice:
		old := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(old, v)
		n := v.Len()
		for i := range n {
			add(fmt.Sprintf("without %d", i), func() { v.Set(reflect.AppendSlice(old.Slice3(0, i, i), old.Slice(i+1, n))) })
			add(fmt.Sprintf("with %d twice", i), func() { v.Set(reflect.Append(old.Slice3(0, n, n), old.Index(i))) })
			if i > 0 {
				add(fmt.Sprintf("with %d and %d exchanged", i-1, i), func() {
					c := reflect.AppendSlice(old.Slice3(0, 0, 0), old)
					a, b := c.Index(i-1).Interface(), c.Index(i).Interface()
					c.Index(i - 1).Set(reflect.ValueOf(b))
					c.Index(i).Set(reflect.ValueOf(a))
					v.Set(c)
				})
			}
			out = append(out, mutations(fmt.Sprintf("%s.%d", path, i), v.Index(i))...)
		}
	case reflect.Int, reflect.Int64:
		old := v.Int()
		for how, n := range map[string]int64{"more by one": old + 1, "less by one": old - 1, "doubled": 2*old + 128, "negated": -old - 1, "huge": 1 << 62} {
			add(how, func() { v.SetInt(n) })
		}
	case reflect.Uint64:
		old := v.Uint()
		for how, n := range map[string]uint64{"more by one": old + 1, "less by one": old - 1, "huge": 1 << 63} {
			add(how, func() { v.SetUint(n) })
		}
	case reflect.String:
		old := v.String()
		for how, s := range map[string]string{"empty": "", "longer": old + "a", "in capitals": strings.ToUpper(old), "of other CIDs": otherCID(old)} {
			if s != old {
				add(how, func() { v.SetString(s) })
			}
		}
	}
	return out
}

// otherCID is a CID like s of other bytes, or s.
func otherCID(s string) string {
	c, err := cid.Decode(s)
	if err != nil || c.Version() == 0 {
		return s
	}
	b := slices.Clone(c.Bytes())
	b[len(b)-2] ^= 1
	if _, c, err = cid.CidFromBytes(b); err != nil {
		return s
	}
	return c.String()
}

// unproved are the parts of which a file and a proof alone say nothing: names
// and times of the operator's, and what only a chain knows.
func unproved(path string) bool {
	return strings.HasPrefix(path, "created ") || strings.HasPrefix(path, "object.") || strings.HasPrefix(path, "pieces.0.deals")
}

// TestMutated changes a valid proof in every place.
func TestMutated(t *testing.T) {
	for _, s := range subjects {
		d := newDAG(t)
		root, file := s.make(d)
		p := d.pack(root, len(file), 60_000)
		if len(p.Spans) > 4 || len(p.Nodes) > 12 {
			continue // no other places than in smaller ones
		}
		t.Run(s.name, func(t *testing.T) { mutateAll(t, p, file) })
	}
}

func mutateAll(t *testing.T, p *proof.Proof, file []byte) {
	valid := encode(t, p)
	cases := 0
	for i := range mutations("", reflect.ValueOf(p).Elem()) {
		// Each starts from the proof as it is written.
		fresh, err := proof.Decode(bytes.NewReader(valid))
		if err != nil {
			t.Fatal(err)
		}
		m := mutations("", reflect.ValueOf(fresh).Elem())[i]
		if unproved(m.name) {
			continue
		}
		cases++
		m.do()
		var b bytes.Buffer
		if err := fresh.Encode(&b); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(b.Bytes(), valid) {
			continue // two siblings that are equal were exchanged, say
		}
		t.Run(m.name, func(t *testing.T) {
			got, err := proof.Decode(&b)
			if err != nil {
				if !errors.Is(err, proof.ErrFormat) {
					t.Errorf("Decode: %v, want ErrFormat", err)
				}
				return
			}
			r, err := got.Verify(context.Background(), bytes.NewReader(file))
			if err != nil || !r.Refused() {
				t.Errorf("accepted: %s, %v", dump(t, r), err)
			}
		})
	}
	if cases < 10 {
		t.Errorf("%d places changed", cases)
	}
}

// What is not written as the format says is refused, though a lenient reader would take it.
func TestWrittenOtherwise(t *testing.T) {
	d := newDAG(t)
	f := d.file(d.cut(random(1000, 1), 300)...)
	valid := string(encode(t, d.pack(f.cid, f.size, 1<<30)))
	for how, change := range map[string][2]string{
		"a field that is unknown":     {`"kind": "file"`, `"kind": "file", "more": 1`},
		"a field twice":               {`"kind": "file"`, `"kind": "car", "kind": "file"`},
		"a field in capitals":         {`"kind": "file"`, `"Kind": "file"`},
		"a field less":                {`"kind": "file",`, ``},
		"fields in another order":     {`"format": "whypfs-proof",`, ``},
		"a number with a fraction":    {`"size": 1000`, `"size": 1000.0`},
		"a number with an exponent":   {`"size": 1000`, `"size": 1e3`},
		"another version":             {`"version": 1`, `"version": 2`},
		"another format":              {`"format": "whypfs-proof"`, `"format": "other"`},
		"base64 with a line end":      {`"before": "`, `"before": "\n`},
		"a CID in another base":       {f.cid.String(), otherBase(t, f.cid)},
		"a CID as a path":             {f.cid.String(), "/ipfs/" + f.cid.String()},
		"a version 0 CID of the same": {f.cid.String(), cid.NewCidV0(f.cid.Hash()).String()},
		"bytes behind its end":        {valid, valid + "{}"},
		"half of it":                  {valid, valid[:len(valid)/2]},
		"nothing":                     {valid, ""},
	} {
		if !strings.Contains(valid, change[0]) {
			t.Fatalf("%s: %q is not in %s", how, change[0], valid)
		}
		b := strings.Replace(valid, change[0], change[1], 1)
		if how == "fields in another order" {
			b = strings.Replace(b, `"version": 1`, `"version": 1, "format": "whypfs-proof"`, 1)
		}
		p, err := proof.Decode(strings.NewReader(b))
		if how == "a version 0 CID of the same" && err == nil {
			// It is a CID, of another block as far as shards go.
			if _, ok := verify(t, p, random(1000, 1)); !ok {
				continue
			}
		}
		if !errors.Is(err, proof.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", how, err)
		}
	}
	small := d.pack(d.leaf([]byte("x")).cid, 1, 1<<30)
	b := strings.Replace(string(encode(t, small)), `"nodes": []`, `"nodes": null`, 1)
	if _, err := proof.Decode(strings.NewReader(b)); !errors.Is(err, proof.ErrFormat) || !strings.Contains(b, "null") {
		t.Errorf("null for a list: %v, want ErrFormat", err)
	}
	spaced := strings.NewReplacer("\n", " \t\r\n ", ": ", " : ").Replace(valid)
	if _, err := proof.Decode(strings.NewReader(spaced)); err != nil {
		t.Errorf("with other white space: %v", err)
	}
}

func otherBase(t *testing.T, c cid.Cid) string {
	t.Helper()
	s, err := c.StringOfBase('z')
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Bytes of anybody are refused, or proved of a file, without harm.
func FuzzProof(f *testing.F) {
	for _, s := range subjects {
		d := newDAG(f)
		root, file := s.make(d)
		if len(file) < 5000 { // small ones mutate faster
			f.Add(encode(f, d.pack(root, len(file), 1<<30)), file)
		}
	}
	f.Fuzz(func(t *testing.T, b, file []byte) {
		p, err := proof.Decode(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, proof.ErrFormat) {
				t.Fatalf("Decode: %v", err)
			}
			return
		}
		r, err := p.Verify(context.Background(), bytes.NewReader(file))
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		if r.Refused() {
			return
		}
		// Nothing but these very bytes may have been proved.
		if _, ok := verify(t, p, append(file, 0)); ok {
			t.Fatalf("proved of two files: %s", b)
		}
		if again := encode(t, p); len(again) > len(b)*4+1000 {
			t.Fatalf("%d bytes read as %d", len(b), len(again))
		}
	})
}
