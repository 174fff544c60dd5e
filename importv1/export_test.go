package importv1_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/importv1"
	"github.com/whypfs/whypfs/importv1/v1test"
)

func exportFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exported is a file as V1's /user/export answers.
func exported(contents, deals string) string {
	return fmt.Sprintf(`{"Version":"v0.0.1","Date":"2023-05-01T00:00:00Z","Version1":{"Other":[{"a":[1]}],"Contents":%s,"Deals":%s}}`, contents, deals)
}

func TestExport(t *testing.T) {
	contents := fmt.Sprintf(`[{"id":41,"createdAt":"2022-03-04T05:06:07Z","cid":%q,"name":"a.txt","userId":9,"size":12,"type":1,"active":true,"pinMeta":"{\"a\":\"b\"}"},
		{"id":42,"cid":"b","name":"no root"},{"id":43,"cid":"nonsense"},{"id":"x"},7]`, cidOf("a"))
	deals := `[{"ID":5,"CreatedAt":"2022-03-04T05:06:07Z","content":41,"miner":"f01000","dealId":77,"sealedAt":"0001-01-01T00:00:00Z"}]`
	src, err := importv1.OpenExport(exportFile(t, exported(contents, deals)), 3)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a source can be read again
		list, bad := all(t, src.Contents)
		if len(list) != 2 || len(bad) != 3 {
			t.Fatalf("contents %+v, not read: %v", list, bad)
		}
		if c := list[0]; c.ID != 41 || c.User != 3 || !c.CID.Equals(cidOf("a")) || c.Meta["a"] != "b" || !c.Created.Equal(v1test.Made) || !c.Active {
			t.Errorf("content %+v", c)
		}
		if list[1].CID.Defined() {
			t.Errorf("content without a root: %+v", list[1])
		}
	}
	list, bad := all(t, src.Deals)
	if len(list) != 1 || len(bad) != 0 || list[0].ID != 5 || list[0].Content != 41 || list[0].ChainID != 77 || !list[0].Active.IsZero() {
		t.Errorf("deals %+v, not read: %v", list, bad)
	}
	for about, text := range map[string]string{
		"empty":           "",
		"a list":          "[]",
		"another version": `{"Version":"v9"}`,
		"no version":      `{}`,
		"cut":             exported("[", "[]")[:60],
	} {
		if _, err := importv1.OpenExport(exportFile(t, text), 3); err == nil {
			t.Errorf("%s: it was taken", about)
		}
	}
	if src, err = importv1.OpenExport(exportFile(t, exported("null", "null")), 3); err != nil {
		t.Fatal(err)
	}
	if list, bad := all(t, src.Contents); len(list)+len(bad) != 0 {
		t.Errorf("of null: %v, %v", list, bad)
	}
}

// FuzzExport: no file makes a reader fail otherwise than with an error, or go on without end.
func FuzzExport(f *testing.F) {
	f.Add(exported(`[{"id":1,"cid":"b"}]`, `[{"ID":1}]`))
	f.Add(exported(`null`, `[[[]]]`))
	f.Add(`{"Version":"v0.0.1","Version1":{"Contents":{"a":1}}}`)
	f.Add(`{"Version":"v0.0.1","Version1":7}`)
	f.Add(strings.Repeat(`{"Version1":`, 50))
	path := filepath.Join(f.TempDir(), "export.json")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := importv1.OpenExport(path, 1)
		if err != nil {
			return
		}
		for range src.Contents {
		}
		for range src.Deals {
		}
	})
}
