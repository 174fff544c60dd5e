package buckets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/kv"
)

// The tables of retrievals; doc.go says what their rows hold.
const (
	tabRetrieval = "ret"
	tabRetDue    = "retdue"
	tabRetOf     = "retof"
	tabRetEnd    = "retend"
	tabRetSpent  = "retspent"
)

// endedRetrievals are kept to be looked at.
const endedRetrievals = 500

func keyRetrieval(id uint64) []byte  { return kv.Key(tabRetrieval, ^id) }
func keyRetOf(content uint64) []byte { return kv.Key(tabRetOf, content) }
func keyRetDue(r Retrieval) []byte {
	return kv.Key(tabRetDue, ranks[r.Cause], uint64(max(r.Next.UnixNano(), 0)), r.ID)
}
func keyRetEnd(r Retrieval) []byte {
	return kv.Key(tabRetEnd, ^uint64(max(r.Ended.UnixNano(), 0)), r.ID)
}
func keyRetRef(root cid.Cid, id uint64) []byte {
	return kv.Key(tabRef, rootKey(root), "r", strconv.FormatUint(id, 10))
}

// Jobs are slots, in each of which one retrieval runs at a time, and zones whose
// contents are to be listed.
func retrieveZoneJob(zone uint64, cause Cause) string {
	return "zone/" + strconv.FormatUint(zone, 10) + "/" + string(cause)
}

// parseRetrieveJob says which slot a job is, or else which zone it is about, and why.
func parseRetrieveJob(id string) (slot int, zone uint64, cause Cause, err error) {
	rest, ok := strings.CutPrefix(id, "zone/")
	if !ok {
		slot, err = strconv.Atoi(id)
		return slot, 0, "", err
	}
	number, word, _ := strings.Cut(rest, "/")
	if zone, err = strconv.ParseUint(number, 10, 64); err != nil {
		return 0, 0, "", fmt.Errorf("zone of job %q: %w", id, err)
	}
	if cause = Cause(word); ranks[cause] == 0 {
		return 0, 0, "", fmt.Errorf("job %q: no such cause", id)
	}
	return 0, zone, cause, nil
}

func retrievalRow(tx kv.Tx, id uint64) (Retrieval, error) {
	r, err := kv.GetJSON[Retrieval](tx, keyRetrieval(id))
	if errors.Is(err, kv.ErrNotFound) {
		err = ErrNoRetrieval
	}
	return r, err
}

// retrievalOf returns the retrieval of a content that has not ended, or ErrNoRetrieval.
func retrievalOf(tx kv.Tx, content uint64) (Retrieval, error) {
	id, err := kv.GetJSON[uint64](tx, keyRetOf(content))
	if errors.Is(err, kv.ErrNotFound) {
		err = ErrNoRetrieval
	}
	if err != nil {
		return Retrieval{}, err
	}
	return retrievalRow(tx, id)
}

// addRetrieval has a content brought back, by a new retrieval or the one there is.
func (b *Buckets) addRetrieval(tx kv.Tx, c Content, cause Cause, candidate uint64, now time.Time) (Retrieval, error) {
	r, err := retrievalOf(tx, c.ID)
	if err == nil {
		was := r
		if ranks[cause] < ranks[r.Cause] {
			r.Cause = cause
		}
		if r.Next.After(now) {
			r.Next = now
		}
		return r, requeue(tx, was, r)
	}
	if !errors.Is(err, ErrNoRetrieval) {
		return r, err
	}
	id, err := freeID(tx, candidate, keyRetrieval)
	if err != nil {
		return r, err
	}
	r = Retrieval{ID: id, Content: c.ID, CID: c.CID, Owner: c.Owner, Bucket: c.Bucket, Name: c.Key, Cause: cause,
		State: RetrievalWaiting, Added: now, Next: now, Size: c.Size, Reason: "waits for its turn"}
	if r.Name == "" {
		r.Name = c.Name
	}
	return r, errors.Join(
		kv.PutJSON(tx, keyRetrieval(id), r),
		tx.Put(keyRetDue(r), present),
		kv.PutJSON(tx, keyRetOf(c.ID), id),
		tx.Put(keyRetRef(r.CID, id), present))
}

// requeue stores a retrieval that has not ended. was is how it is stored.
func requeue(tx kv.Tx, was, r Retrieval) error {
	return errors.Join(
		tx.Delete(keyRetDue(was)),
		tx.Put(keyRetDue(r), present),
		kv.PutJSON(tx, keyRetrieval(r.ID), r))
}

// wakeRetrievals has the slots look for work.
func (b *Buckets) wakeRetrievals(tx kv.Tx) error {
	for i := range b.retrievals.Workers {
		if err := b.queue.Add(tx, jobRetrieve, strconv.Itoa(i), time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// endRetrieval lets go of what a retrieval has besides its row, and of the rows
// of those that ended long ago. The job of a restore over S3 goes on.
func (b *Buckets) endRetrieval(tx kv.Tx, r Retrieval, state RetrievalState, why string) error {
	err := errors.Join(
		tx.Delete(keyRetDue(r)),
		tx.Delete(keyRetOf(r.Content)),
		tx.Delete(keyRetRef(r.CID, r.ID)))
	r.State, r.Reason, r.Next, r.Ended = state, why, time.Time{}, time.Now().UTC()
	err = errors.Join(err,
		kv.PutJSON(tx, keyRetrieval(r.ID), r),
		tx.Put(keyRetEnd(r), present))
	if err != nil {
		return err
	}
	if c, err := contentRow(tx, r.Content); err == nil && c.Restoring > 0 {
		if err := b.queue.Add(tx, jobRestore, contentJobID(c.ID), time.Time{}); err != nil {
			return err
		}
	} else if err != nil && !errors.Is(err, ErrNoContent) {
		return err
	}
	return trimRetrievals(tx)
}

// trimRetrievals forgets retrievals that ended long ago.
func trimRetrievals(tx kv.Tx) error {
	kept := 0
	var old [][]byte
	for row, err := range tx.Scan(kv.Range(tabRetEnd)) {
		if err != nil {
			return err
		}
		if kept++; kept > endedRetrievals {
			old = append(old, append([]byte(nil), row.Key...))
		}
	}
	for _, key := range old {
		var ended, id uint64
		if err := kv.Unkey(key, nil, &ended, &id); err != nil {
			return err
		}
		if err := errors.Join(tx.Delete(key), tx.Delete(keyRetrieval(id))); err != nil {
			return err
		}
	}
	return nil
}

// forgetRetrieval is called when a content is released.
func (b *Buckets) forgetRetrieval(tx kv.Tx, content uint64) error {
	r, err := retrievalOf(tx, content)
	if errors.Is(err, ErrNoRetrieval) {
		return nil
	}
	if err != nil {
		return err
	}
	return b.endRetrieval(tx, r, RetrievalCancelled, "the object was deleted")
}
