package buckets_test

import (
	"testing"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

const week = 7 * 24 * time.Hour

func TestUploadExpiry(t *testing.T) {
	for _, expiry := range []time.Duration{0, week} {
		f := newTest(t, buckets.Options{UploadExpiry: expiry})
		ctx := t.Context()
		b := f.bucket("one")
		ids := map[string]string{}
		for _, tt := range []struct {
			key       string
			age, part time.Duration
		}{
			{"new", 0, 0},
			{"old", week + time.Hour, week + time.Hour},
			{"busy", 3 * week, time.Hour}, // its last part came an hour ago
		} {
			id, _ := f.begin(b, tt.key, "part")
			ids[tt.key] = id
			wantErr(t, "AgeUpload", f.AgeUpload(ctx, b, tt.key, id, 0, tt.age), nil)
			wantErr(t, "AgeUpload", f.AgeUpload(ctx, b, tt.key, id, 1, tt.part), nil)
		}
		u, err := f.CreateUpload(ctx, b, "empty", 7, 7, buckets.Attributes{}, "")
		wantErr(t, "CreateUpload", err, nil)
		wantErr(t, "AgeUpload", f.AgeUpload(ctx, b, "empty", u.ID, 0, week+time.Hour), nil)
		ids["empty"] = u.ID
		wantErr(t, "GC", f.GC(ctx), nil)
		for key, id := range ids {
			want := buckets.ErrNoUpload
			if expiry == 0 || key == "new" || key == "busy" {
				want = nil
			}
			_, err := f.Upload(ctx, b, key, id)
			wantErr(t, "Upload of "+key, err, want)
		}
	}
}
