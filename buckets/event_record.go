package buckets

import (
	"fmt"
	"net/url"
	"time"
)

// eventMessage is what a webhook gets: S3's event message structure, one record each.
type eventMessage struct {
	Records []eventRecord
}

type eventRecord struct {
	Version   string   `json:"eventVersion"`
	Source    string   `json:"eventSource"`
	Region    string   `json:"awsRegion"`
	Time      string   `json:"eventTime"`
	Name      string   `json:"eventName"` // without the s3: that rules have in front
	S3        eventS3  `json:"s3"`
	Principal *eventID `json:"userIdentity,omitempty"` // whose object it is
}

// eventTime is how times, which are UTC, are written.
const eventTime = "2006-01-02T15:04:05.000Z"

type eventID struct {
	ID string `json:"principalId"`
}

type eventS3 struct {
	Version string      `json:"s3SchemaVersion"`
	Rule    string      `json:"configurationId"`
	Bucket  eventBucket `json:"bucket"`
	Object  eventObject `json:"object"`
}

type eventBucket struct {
	Name  string  `json:"name"`
	Owner eventID `json:"ownerIdentity"`
	ARN   string  `json:"arn"`
}

type eventObject struct {
	Key       string `json:"key"` // URL encoded, with + for a space
	Size      *int64 `json:"size,omitempty"`
	ETag      string `json:"eTag,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	CID       string `json:"cid,omitempty"` // ours
	Sequencer string `json:"sequencer"`     // of two events of a key, the later has the greater
}

func newEventRecord(bucket Bucket, r NotificationRule, event string, o Object, number uint64, now time.Time) eventMessage {
	rec := eventRecord{
		Version: "2.1", Source: "aws:s3", Region: r.Region, Time: now.Format(eventTime),
		Name:      event[len("s3:"):],
		Principal: &eventID{userID(o.Owner)},
		S3: eventS3{
			Version: "1.0", Rule: r.ID,
			Bucket: eventBucket{Name: bucket.Name, Owner: eventID{userID(bucket.Owner)}, ARN: "arn:aws:s3:::" + bucket.Name},
			Object: eventObject{Key: url.QueryEscape(o.Key), Sequencer: fmt.Sprintf("%016X", number)},
		},
	}
	if bucket.Versioning != "" {
		rec.S3.Object.VersionID = o.VersionID()
	}
	if !o.Marker {
		rec.S3.Object.Size, rec.S3.Object.ETag, rec.S3.Object.CID = &o.Size, o.ETag, o.CID.String()
	}
	return eventMessage{[]eventRecord{rec}}
}

// userID is a user as S3 names accounts.
func userID(user uint64) string { return fmt.Sprintf("%012d", user) }

// testEvent tells a receiver that a bucket's rules name it.
type testEvent struct {
	Service, Event, Time, Bucket string
}

func newTestEvent(bucket string, now time.Time) testEvent {
	return testEvent{Service: "Amazon S3", Event: "s3:TestEvent", Time: now.Format(eventTime), Bucket: bucket}
}
