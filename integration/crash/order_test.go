//go:build integration

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/crashsim"
)

// An answer is one request that the real binary answered, and what it promised.
type answer struct {
	request string // the begin of its first line
	key     string
	body    string // "": the object is gone
	blocks  bool   // it stored some
}

// TestAnswersFollowSyncs reads from the trace of the real binary that the first
// byte of each answer comes after the sync of the blocks and after the second
// sync of the commit, and that what was synced by then holds the object.
func TestAnswersFollowSyncs(t *testing.T) {
	for _, driver := range []string{pebble, bolt} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			testAnswersFollowSyncs(t, driver)
		})
	}
}

func testAnswersFollowSyncs(t *testing.T, driver string) {
	s := startTraced(t, driver, crashsim.Traced("read")...)
	answers := use(t, s.client(t))
	log := s.end(t, syscall.SIGTERM)
	scratch := scratchDir(t)
	check := func(log *crashsim.Log) error {
		var errs []error
		for i, a := range answers {
			dir := filepath.Join(scratch, fmt.Sprintf("%d-%d", len(log.Syncs()), i))
			if err := a.check(t.Context(), log, dir, driver); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", a.request, err))
			}
		}
		return errors.Join(errs...)
	}
	if err := check(log); err != nil {
		t.Error(err)
	}
	commit := map[string]string{pebble: "log of database", bolt: "meta page of database"}[driver]
	for name, want := range map[string]int{"segments": 6, commit: len(answers)} {
		err := check(log.Without(losses[name]))
		if err == nil || strings.Count(err.Error(), "before its sync") != want {
			t.Errorf("without the syncs of the %s: %v, want %d faults", name, err, want)
		}
	}
}

// use makes requests one after the other.
func use(t *testing.T, c *minio.Core) (answers []answer) {
	t.Helper()
	ctx := t.Context()
	must(t, c.MakeBucket(ctx, "order", minio.MakeBucketOptions{}))
	small, large := newBody(1, 1000), newBody(2, 3<<20)
	parts := []string{newBody(3, 5<<20), newBody(4, 100)}
	for key, body := range map[string]string{"small": small, "large": large, "gone": newBody(5, 10)} {
		b, err := bytesOf(body)
		must(t, err)
		_, err = c.PutObject(ctx, "order", key, bytes.NewReader(b), int64(len(b)), "", "", minio.PutObjectOptions{})
		must(t, err)
		answers = append(answers, answer{"PUT /order/" + key + " ", key, body, true})
	}
	id, err := c.NewMultipartUpload(ctx, "order", "parts", minio.PutObjectOptions{})
	must(t, err)
	var list []minio.CompletePart
	for i, body := range parts {
		b, err := bytesOf(body)
		must(t, err)
		p, err := c.PutObjectPart(ctx, "order", "parts", id, i+1, bytes.NewReader(b), int64(len(b)), minio.PutObjectPartOptions{})
		must(t, err)
		list = append(list, minio.CompletePart{PartNumber: i + 1, ETag: p.ETag})
		answers = append(answers, answer{fmt.Sprintf("PUT /order/parts?partNumber=%d&", i+1), "", "", true})
	}
	_, err = c.CompleteMultipartUpload(ctx, "order", "parts", id, list, minio.PutObjectOptions{})
	must(t, err)
	answers = append(answers, answer{"POST /order/parts?uploadId=", "parts", strings.Join(parts, "+"), true})
	_, err = c.CopyObject(ctx, "order", "large", "order", "copy", nil, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	must(t, err)
	answers = append(answers, answer{"PUT /order/copy ", "copy", large, false})
	must(t, c.RemoveObject(ctx, "order", "gone", minio.RemoveObjectOptions{}))
	return append(answers, answer{"DELETE /order/gone ", "gone", "", false})
}

// times are when a request was read and when its answer began.
func (a answer) times(log *crashsim.Log) (asked, answered int, err error) {
	fd := -1
	last := map[int]string{}
	for _, m := range log.Marks() {
		switch {
		case m.Read:
			// While an answer is written net/http reads one byte ahead, to see the client leave.
			text := string(m.Data)
			if len(last[m.FD]) == 1 {
				text = last[m.FD] + text
			}
			if last[m.FD] = string(m.Data); strings.HasPrefix(text, a.request) {
				asked, fd = m.Begin, m.FD
			}
		case m.FD == fd && bytes.HasPrefix(m.Data, []byte("HTTP/1.1 2")):
			return asked, m.Begin, nil
		}
	}
	return 0, 0, errors.New("not in the trace with an answer")
}

// check says what of the answer's promise did not hold when it began.
func (a answer) check(ctx context.Context, log *crashsim.Log, dir, driver string) error {
	asked, answered, err := a.times(log)
	if err != nil {
		return err
	}
	blocks, synced := 0, 0
	for _, w := range log.Writes() {
		if !strings.HasSuffix(w.Path, ".car") || w.Begin < asked || w.Begin > answered {
			continue
		}
		if blocks++; !log.Durable(w, answered) {
			return fmt.Errorf("answered at %d, and %s written at %d before its sync", answered, w.Path, w.Begin)
		}
	}
	if (blocks > 0) != a.blocks {
		return fmt.Errorf("%d blocks were written between %d and %d", blocks, asked, answered)
	}
	syncs := log.Syncs()
	for _, s := range syncs {
		if strings.HasSuffix(s.Path, ".car") && s.Begin > asked && s.End < answered {
			synced = s.End
		}
	}
	committed := slices.ContainsFunc(syncs, func(s crashsim.Sync) bool {
		return isCommit(s) && s.Last.Begin > max(asked, synced) && s.End < answered
	})
	if !committed {
		return fmt.Errorf("answered at %d, and no commit after the blocks at %d: before its sync", answered, synced)
	}
	return a.held(ctx, log.Certain(answered), dir, driver)
}

// held says whether an image holds what was promised.
func (a answer) held(ctx context.Context, image crashsim.Image, dir, driver string) error {
	if a.key == "" {
		return nil
	}
	if err := writeImage(image, dir); err != nil {
		return err
	}
	s, err := openStores(ctx, dir, driver)
	if err != nil {
		return err
	}
	defer s.close()
	b, err := s.buckets.Bucket(ctx, "order")
	if err != nil {
		return err
	}
	o, err := s.buckets.Head(ctx, b, a.key, "")
	if a.body == "" {
		if !errors.Is(err, buckets.ErrNoObject) {
			return fmt.Errorf("%s is there still: %w", a.key, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return s.same(ctx, o.CID, o.Size, a.body)
}
