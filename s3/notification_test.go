package s3_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/s3"
)

// hook is a webhook that keeps what it gets.
type hook chan string

func (h hook) Deliver(_ context.Context, event []byte) error {
	h <- string(event)
	return nil
}

func destination(kind, service, name, more string) string {
	element := map[string]string{"Topic": "Topic", "Queue": "Queue", "CloudFunction": "CloudFunction"}[kind]
	return "<" + kind + "Configuration><Id>" + kind + "</Id><" + element + ">arn:whypfs:" + service + ":us-east-1::" + name + "</" + element + ">" + more + "</" + kind + "Configuration>"
}

func notifications(destinations ...string) string {
	return "<NotificationConfiguration>" + strings.Join(destinations, "") + "</NotificationConfiguration>"
}

func TestNotificationConfiguration(t *testing.T) {
	const made = "<Event>s3:ObjectCreated:*</Event>"
	filter := func(rules string) string { return made + "<Filter><S3Key>" + rules + "</S3Key></Filter>" }
	rule := func(name, value string) string {
		return "<FilterRule><Name>" + name + "</Name><Value>" + value + "</Value></FilterRule>"
	}
	a := serve(t, s3.Options{}, buckets.Options{Webhooks: map[string]buckets.Webhook{"hook": make(hook, 10)}})
	r := a.ok("GET", "/box?notification", nil, "")
	if !strings.Contains(r.body, `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></NotificationConfiguration>`) {
		t.Errorf("never set: %s", r.body)
	}
	for _, c := range []struct {
		name, doc, code string
		status          int
	}{
		{"another document", "<LifecycleConfiguration/>", "MalformedXML", 400},
		{"EventBridge", notifications("<EventBridgeConfiguration/>"), "NotImplemented", 501},
		{"unknown webhook", notifications(destination("Topic", "sns", "none", made)), "InvalidArgument", 400},
		{"ARN of another service", notifications(destination("Topic", "sqs", "hook", made)), "InvalidArgument", 400},
		{"no event", notifications(destination("Topic", "sns", "hook", "")), "MalformedXML", 400},
		{"unknown event", notifications(destination("Topic", "sns", "hook", "<Event>s3:Replication:*</Event>")), "InvalidArgument", 400},
		{"part of a name", notifications(destination("Topic", "sns", "hook", "<Event>s3:ObjectCr*</Event>")), "InvalidArgument", 400},
		{"same id", notifications(destination("Topic", "sns", "hook", made), destination("Topic", "sns", "hook", "<Event>s3:ObjectRemoved:*</Event>")), "InvalidArgument", 400},
		{"overlap", notifications(destination("Topic", "sns", "hook", made), destination("Queue", "sqs", "hook", "<Event>s3:ObjectCreated:Put</Event>")), "InvalidArgument", 400},
		{"unknown filter", notifications(destination("Topic", "sns", "hook", filter(rule("infix", "a")))), "InvalidArgument", 400},
		{"filter twice", notifications(destination("Topic", "sns", "hook", filter(rule("prefix", "a")+rule("Prefix", "b")))), "InvalidArgument", 400},
	} {
		if r := a.do("PUT", "/box?notification", nil, c.doc); r.status != c.status || r.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, r.status, r.body, c.status, c.code)
		}
	}
	doc := notifications(
		destination("Topic", "sns", "hook", filter(rule("prefix", "a/"))),
		destination("Queue", "sqs", "hook", filter(rule("prefix", "b/")+rule("suffix", ".jpg"))),
		destination("CloudFunction", "lambda", "hook", "<Event>s3:ObjectRemoved:Delete</Event><Event>s3:WhyPFS:DealActive</Event>"))
	a.ok("PUT", "/box?notification", nil, doc)
	got := a.ok("GET", "/box?notification", nil, "").body
	if !strings.HasSuffix(strings.Replace(got, ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`, "", 1), doc) {
		t.Errorf("got %s, want %s", got, doc)
	}
	a.ok("PUT", "/box?notification", nil, got)
	a.ok("PUT", "/box?notification", nil, notifications())
	if got := a.ok("GET", "/box?notification", nil, "").body; strings.Contains(got, "hook") {
		t.Errorf("after it was taken away: %s", got)
	}
}

func TestNotifications(t *testing.T) {
	got := make(hook, 100)
	a := serve(t, s3.Options{}, buckets.Options{Webhooks: map[string]buckets.Webhook{"hook": got}})
	a.runJobs()
	every := notifications(destination("Topic", "sns", "hook", "<Event>s3:ObjectCreated:*</Event><Event>s3:ObjectRemoved:*</Event><Event>s3:ObjectTagging:*</Event>"))
	a.ok("PUT", "/box?notification", headers{"x-amz-skip-destination-validation": "true"}, every)
	a.ok("PUT", "/box?notification", nil, every)
	a.ok("PUT", "/box/a%20b", nil, "data")
	a.ok("PUT", "/box/c", headers{"x-amz-copy-source": "/box/a%20b"}, "")
	tags := "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"
	a.ok("PUT", "/box/c?tagging", withMD5(tags), tags)
	a.ok("DELETE", "/box/c?tagging", nil, "")
	a.ok("DELETE", "/box/c", nil, "")
	a.setVersioning("Enabled")
	a.ok("DELETE", "/box/a%20b", nil, "")
	for _, want := range []string{
		"TestEvent", "ObjectCreated:Put a+b", "ObjectCreated:Copy c", "ObjectTagging:Put c", "ObjectTagging:Delete c",
		"ObjectRemoved:Delete c", "ObjectRemoved:DeleteMarkerCreated a+b",
	} {
		var e struct {
			Event   string
			Records []struct {
				EventName string
				S3        struct {
					Object struct{ Key, VersionID string }
				}
			}
		}
		body := <-got
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(e.Event, "s3:")
		if len(e.Records) > 0 {
			name = e.Records[0].EventName + " " + e.Records[0].S3.Object.Key
		}
		if name != want {
			t.Errorf("got %s, want %s", body, want)
		}
	}
}

// runJobs runs the queue until the test ends.
func (a *api) runJobs() {
	a.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.queue.Run(ctx) }()
	a.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			a.t.Error(err)
		}
	})
}
