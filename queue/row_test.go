package queue

import (
	"encoding/json"
	"testing"
	"time"
)

// TestRow writes a row and reads it, in both shapes that it can have.
func TestRow(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	for _, r := range []row{
		{},
		{Due: at, Tries: 3, Reason: "no room", Added: at.Add(time.Hour), Stamp: 1<<63 + 5, Again: at.Add(2 * time.Hour), Woken: true, At: at.Add(3 * time.Hour)},
	} {
		raw := encodeRow(r)
		if got, err := decodeRow(raw); err != nil || got != r {
			t.Errorf("row %+v is read as %+v, %v", r, got, err)
		}
		for n := range raw {
			if got, err := decodeRow(raw[:n]); err == nil {
				t.Errorf("%d of %d bytes are read as %+v", n, len(raw), got)
			}
		}
		old, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeRow(old); err != nil || got != r {
			t.Errorf("old row %s is read as %+v, %v", old, got, err)
		}
	}
}
