package s3

import (
	"bytes"
	"encoding/xml"
	"reflect"
	"testing"
)

// What a bucket tells of its notification rules can be put again, and says the same.
func FuzzNotification(f *testing.F) {
	const arn = "arn:whypfs:sns:r::hook"
	f.Add([]byte(`<NotificationConfiguration><TopicConfiguration><Topic>` + arn + `</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration></NotificationConfiguration>`))
	f.Add([]byte(`<NotificationConfiguration><QueueConfiguration><Id>a</Id><Queue>arn:whypfs:sqs:r::h</Queue><Event>s3:ObjectRemoved:Delete</Event>` +
		`<Filter><S3Key><FilterRule><Name>prefix</Name><Value>a/&#x9;</Value></FilterRule></S3Key></Filter></QueueConfiguration></NotificationConfiguration>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := parseNotification(data, "r")
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := xml.NewEncoder(&b).Encode(newNotification(rules)); err != nil {
			t.Fatal(err)
		}
		again, err := parseNotification(b.Bytes(), "r")
		if err != nil || len(again) != len(rules) {
			t.Fatalf("%+v becomes %s, which is %+v, %v", rules, b.Bytes(), again, err)
		}
		for _, r := range rules {
			found := false
			for _, a := range again {
				found = found || reflect.DeepEqual(a, r)
			}
			if !found {
				t.Errorf("%+v is not in %+v", r, again)
			}
		}
	})
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`<RestoreRequest><Days>2</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>`))
	f.Add([]byte(`<RestoreRequest><Type>SELECT</Type></RestoreRequest>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if days, err := parseRestore(data); err != nil && days != 0 {
			t.Errorf("%q: %d days, and %v", data, days, err)
		}
	})
}
