package buckets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whypfs/whypfs/kv"
)

// ErrNoWebhook says that the operator configured no webhook of that name.
var ErrNoWebhook = errors.New("no such webhook")

// Webhook takes events. It may get one more than once.
type Webhook interface {
	// Deliver returns nil once the receiver has the event, a JSON document.
	Deliver(ctx context.Context, event []byte) error
}

// The events that can happen to objects, as notification rules name them.
const (
	EventPut             = "s3:ObjectCreated:Put"
	EventPost            = "s3:ObjectCreated:Post"
	EventCopy            = "s3:ObjectCreated:Copy"
	EventComplete        = "s3:ObjectCreated:CompleteMultipartUpload"
	EventDelete          = "s3:ObjectRemoved:Delete"
	EventMarker          = "s3:ObjectRemoved:DeleteMarkerCreated"
	EventTag             = "s3:ObjectTagging:Put"
	EventUntag           = "s3:ObjectTagging:Delete"
	EventACL             = "s3:ObjectAcl:Put"
	EventExpired         = "s3:LifecycleExpiration:Delete"
	EventExpiredToMarker = "s3:LifecycleExpiration:DeleteMarkerCreated"
	EventTransition      = "s3:LifecycleTransition"
	EventRestore         = "s3:ObjectRestore:Post"
	EventRestored        = "s3:ObjectRestore:Completed"
	EventRestoreEnded    = "s3:ObjectRestore:Delete"
	// EventActive says that every wanted deal of an object's zone is active.
	EventActive = "s3:WhyPFS:DealActive"
)

// Events are all events that can happen.
var Events = []string{
	EventPut, EventPost, EventCopy, EventComplete, EventDelete, EventMarker, EventTag, EventUntag, EventACL,
	EventExpired, EventExpiredToMarker, EventTransition, EventRestore, EventRestored, EventRestoreEnded, EventActive,
}

// NotificationRule sends the events of a bucket's objects to a webhook.
type NotificationRule struct {
	ID             string
	Service        string // what S3 has in the webhook's place, for who asks for the rule: sns, sqs or lambda
	Region         string // of the bucket, for the events
	Webhook        string
	Events         []string // of Events, or the beginning of some, then "*"
	Prefix, Suffix string   `json:",omitempty"` // of the keys
}

// wants says whether a rule is for what happened to a key.
func (r NotificationRule) wants(event, key string) bool {
	return strings.HasPrefix(key, r.Prefix) && strings.HasSuffix(key, r.Suffix) &&
		slices.ContainsFunc(r.Events, func(pattern string) bool { return EventMatches(pattern, event) })
}

// EventMatches says whether a rule's name for events stands for this one.
func EventMatches(pattern, event string) bool {
	start, open := strings.CutSuffix(pattern, "*")
	return pattern == event || open && strings.HasPrefix(event, start)
}

// documentNotification is the name of a bucket's notification rules among its documents.
const documentNotification = "notification"

// Notification returns a bucket's notification rules. They cost a read only
// where there are some.
func (b *Buckets) Notification(ctx context.Context, bucket Bucket) ([]NotificationRule, error) {
	var rules []NotificationRule
	err := b.view(ctx, func(tx kv.Tx) (err error) {
		rules, err = b.notification(tx, bucket)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("notification rules of %q: %w", bucket.Name, err)
	}
	return rules, nil
}

func (b *Buckets) notification(tx kv.Tx, bucket Bucket) ([]NotificationRule, error) {
	rules, err := b.notifications.get(tx, bucket, documentNotification)
	if err != nil || rules == nil {
		return nil, err
	}
	return *rules, nil
}

// SetNotification replaces a bucket's notification rules; without any there
// are no notifications. A rule for a webhook that is not there is ErrNoWebhook.
// With test each of the webhooks gets an event that says that it was named.
func (b *Buckets) SetNotification(ctx context.Context, bucket Bucket, rules []NotificationRule, test bool) error {
	var data []byte
	var hooks []string
	for _, r := range rules {
		if b.webhooks[r.Webhook] == nil {
			return fmt.Errorf("notify %q: %w", r.Webhook, ErrNoWebhook)
		}
		if !slices.Contains(hooks, r.Webhook) {
			hooks = append(hooks, r.Webhook)
		}
	}
	if len(rules) > 0 {
		var err error
		if data, err = json.Marshal(rules); err != nil {
			return fmt.Errorf("notification rules: %w", err)
		}
	}
	candidate, now := b.newID(), time.Now().UTC()
	_, err := b.changeBucket(ctx, bucket.UUID, func(tx kv.Tx, bucket *Bucket) error {
		if err := bucket.setDocument(tx, documentNotification, data, candidate); err != nil || !test {
			return err
		}
		for _, hook := range hooks {
			if err := b.queueEvent(tx, hook, func(uint64) any { return newTestEvent(bucket.Name, now) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set notification rules of %q: %w", bucket.Name, err)
	}
	return nil
}

// emit queues what happened to a version for the webhooks that want to know,
// in the transaction that makes it happen. A bucket without rules costs nothing.
func (b *Buckets) emit(tx kv.Tx, bucket Bucket, event string, o Object) error {
	rules, err := b.notification(tx, bucket)
	if err != nil || len(rules) == 0 {
		return err
	}
	for _, r := range rules {
		if b.webhooks[r.Webhook] == nil || !r.wants(event, o.Key) {
			continue // a webhook that the operator took away gets nothing
		}
		err := b.queueEvent(tx, r.Webhook, func(number uint64) any {
			return newEventRecord(bucket, r, event, o, number, time.Now().UTC())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tellMembers says to some more members of a complete zone that its deals are
// active: webhooks hear of it, and what is cold gives up its copy.
func (b *Buckets) tellMembers(ctx context.Context, zone uint64) error {
	return b.update(ctx, func(tx kv.Tx) error {
		z, err := zoneAt(tx, zone)
		if errors.Is(err, ErrNoZone) {
			return nil
		}
		if err != nil {
			return err
		}
		list, err := members(tx, zone, z.ToldTo, tellBatch)
		if err != nil {
			return err
		}
		z.Told = len(list) < tellBatch
		for _, c := range list {
			z.ToldTo = c.ID
			if c.Deleted {
				continue
			}
			if err := b.tellActive(tx, c); err != nil {
				return err
			}
		}
		return putZone(tx, z)
	})
}

// tellBatch bounds the members that one transaction tells.
const tellBatch = 100

func (b *Buckets) tellActive(tx kv.Tx, c Content) error {
	if c.Cold {
		if err := b.queue.Add(tx, jobRelease, contentJobID(c.ID), time.Time{}); err != nil {
			return err
		}
	}
	bucket, err := bucketRow(tx, c.Bucket)
	if err != nil || bucket.Documents[documentNotification] == 0 {
		return err
	}
	o, err := versionOf(tx, c)
	if err != nil {
		return err
	}
	return b.emit(tx, bucket, EventActive, o)
}
