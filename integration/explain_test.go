//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/explain"
)

// explain is what `whypfs explain` says of an object.
func (s *server) explain(t *testing.T, object string) explain.Explanation {
	t.Helper()
	var x explain.Explanation
	text := s.run("explain", object, "--json")
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatalf("whypfs explain %s: %v in %s", object, err, text)
	}
	return x
}

// says waits until all the words are in what is said of an object.
func (s *server) says(t *testing.T, object string, words ...string) explain.Explanation {
	t.Helper()
	var x explain.Explanation
	deadline := time.Now().Add(60 * time.Second)
	for {
		x = s.explain(t, object)
		said, missing := strings.Join(x.Sentences, "\n"), ""
		for _, w := range words {
			if !strings.Contains(said, w) {
				missing = w
			}
		}
		if missing == "" {
			return x
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not said %q of %s, but:\n%s", missing, object, said)
		}
		time.Sleep(100 * time.Millisecond) // another process's state can only be polled
	}
}

// TestExplain takes an object from its upload to its deals, through each cause
// of waiting, and reads at each stage why it waits and what is next.
func TestExplain(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := start(t, data)
	c := s.minio()
	if err := c.MakeBucket(testContext(t), "explained", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	policy := func(args ...string) { s.run(append([]string{"bucket", "policy", "explained"}, args...)...) }
	policy("--max-age", "1h", "--replication", "2", "--aged", "wait")
	s.store(t, c, "explained", "dir/key", 1, 100<<10)
	const key = "explained/dir/key"
	x := s.says(t, key, "It has 0 of 2 active deals.", "still takes contents: waiting for 15 GiB more or 60 min.", "which is in 60 min")
	// Its first run, which finds that it is too early, may not have ended yet.
	await(t, 10*time.Second, "the one job is that which seals, and waits", func() bool {
		x = s.says(t, key, "It has 0 of 2 active deals.")
		return len(x.Jobs) == 1 && x.Jobs[0].Kind == "seal" && !x.Jobs[0].Due.Before(time.Now())
	})
	// Without a network the zone is sealed, and waits for one.
	s.run("zone", "seal", fmt.Sprint(x.Zone.ID))
	s.says(t, key, "was sealed", "by request", "no Filecoin network is configured")
	s.stop()

	s = start(t, data, "--sandbox", "--sandbox-providers", "2", "--sandbox-epoch", "100ms")
	c = s.minio()
	const safe = "It is safe on Filecoin: it has the 2 active deals that are wanted."
	s.says(t, key, safe, "The first ends at epoch ")
	// A provider that refuses is named, with what it said.
	s.run("sandbox", "provider", "fail", "f01001", "refuse")
	s.store(t, c, "explained", "refused", 4, 100<<10)
	x = s.says(t, "explained/refused", "still takes contents")
	s.run("zone", "seal", fmt.Sprint(x.Zone.ID))
	s.says(t, "explained/refused", "It has 1 of 2 active deals.", "1 more deal is wanted; not asked now: f01001 (")
	s.run("sandbox", "provider", "fail", "f01001", "none")
	x = s.says(t, "explained/refused", safe)
	if !x.Safe || len(x.Pieces) != 1 || len(x.Pieces[0].Choice.Candidates) != 2 {
		t.Errorf("it is explained by %+v", x)
	}
	// An aged zone that is too small for every provider goes on when it has enough.
	policy("--max-age", "1s")
	s.store(t, c, "explained", "small", 2, 100<<10)
	s.says(t, "explained/small", "older than 1 s, but no provider takes pieces below 1.0 MiB: waiting for 412 KiB more (policy aged=wait)", "Providers are asked again in ")
	s.store(t, c, "explained", "more", 3, 500<<10)
	s.says(t, "explained/small", "It is safe on Filecoin")
	s.explainedOverHTTP(t, x)
}

// explainedOverHTTP reads the same from the API.
func (s *server) explainedOverHTTP(t *testing.T, want explain.Explanation) {
	t.Helper()
	_, token, _ := strings.Cut(s.run("setup", "--username", "admin", "--password", "correcthorse1"), "Auth Token: ")
	r, err := http.NewRequest("GET", fmt.Sprint(s.addr["api"], "/content/explain/", want.Content.ID), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	var got explain.Explanation
	if err == nil {
		err = json.Unmarshal(body, &got)
	}
	if err != nil || res.StatusCode != http.StatusOK || !got.Safe || len(got.Sentences) < 2 {
		t.Errorf("GET %s: %s, %v: %s", r.URL, res.Status, err, body)
	}
}
