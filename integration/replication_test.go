//go:build integration

package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
	remote "github.com/whypfs/whypfs/client"
)

// uploaded uploads a file by the V1 API, asking for n deals, and returns its id.
func (s *server) uploaded(t *testing.T, token string, n int, body string) uint64 {
	t.Helper()
	form := "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"f\"\r\n\r\n" + body +
		fmt.Sprintf("\r\n--b\r\nContent-Disposition: form-data; name=\"replication\"\r\n\r\n%d\r\n--b--\r\n", n)
	r, err := http.NewRequestWithContext(testContext(t), "POST", s.addr["api"]+"/content/add", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var added struct{ EstuaryID uint64 }
	if err := json.NewDecoder(res.Body).Decode(&added); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("upload: %s, %v", res.Status, err)
	}
	return added.EstuaryID
}

// Each upload gets the number of deals that it asks for, whatever the others
// do: also after a kill, and again when a provider loses its copy.
func TestUploadReplication(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--sandbox", "--sandbox-providers", "5", "--replication", "2", "--threshold", "300KiB", "--sandbox-epoch", "100ms")
	token := s.setup()
	want := map[uint64]int{}
	for i, n := range []int{0, 1, 4, 2, 1, 4} {
		id := s.uploaded(t, token, n, strings.Repeat(fmt.Sprint(i), 150<<10))
		want[id] = cmp.Or(n, 2)
	}
	s.kill()
	s.up()
	type content struct{ AggregatedIn, Replication uint64 }
	zoneOf := func(id uint64) (c content) {
		s.v1(t, "GET", fmt.Sprintf("/content/%d", id), token, "", http.StatusOK, &c)
		return c
	}
	complete := func() bool {
		done := map[uint64]bool{}
		for _, z := range list[buckets.Zone](s, "zone", "ls") {
			done[z.ID] = z.State == buckets.ZoneComplete
		}
		for id := range want {
			if !done[zoneOf(id).AggregatedIn] {
				return false
			}
		}
		return true
	}
	await(t, time.Minute, "every zone is complete", complete)
	for id, n := range want {
		c := zoneOf(id)
		if at := s.active(t, c.AggregatedIn); len(at) != n || c.Replication != uint64(n) {
			t.Errorf("content %d has %d active deals, and tells of %d, want %d", id, len(at), c.Replication, n)
		}
	}
	lost := "f01000"
	s.run("sandbox", "provider", "fail", lost, "slash")
	await(t, time.Minute, "other deals stand for those that were lost", func() bool {
		for id, n := range want {
			at := s.active(t, zoneOf(id).AggregatedIn)
			for _, d := range at {
				if d.Provider == lost {
					return false
				}
			}
			if len(at) < n {
				return false
			}
		}
		return true
	})
	for id, n := range want {
		if at := s.active(t, zoneOf(id).AggregatedIn); len(at) != n {
			t.Errorf("content %d has %d active deals after the repair, want %d", id, len(at), n)
		}
	}
	u := &person{t, t.TempDir()}
	u.run("login", s.addr["api"], token)
	dir := filepath.Join(t.TempDir(), "dir")
	fill(t, dir, map[string]int{"a": 10})
	made := []uint64{
		asks[remote.Result](u, "put", filepath.Join(dir, "a"), "--copies", "3").ID,
		asks[remote.Result](u, "put", dir, "--copies", "3").ID,
		asks[mirrored](u, "sync", dir, "--copies", "3").Changes[0].ID,
	}
	for _, id := range made {
		var c content
		s.v1(t, "GET", fmt.Sprintf("/content/%d", id), token, "", http.StatusOK, &c)
		if c.Replication != 3 {
			t.Errorf("content %d tells of %d deals, want 3", id, c.Replication)
		}
	}
}
