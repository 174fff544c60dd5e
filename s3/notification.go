package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/buckets"
)

const maxNotification = 256 << 10 // bytes of a notification configuration

// notification is S3's document. The three kinds of destination differ in the
// name of the element that holds the ARN; what is there is a webhook each time.
type notification struct {
	XMLName   xml.Name
	Topics    []destination `xml:"TopicConfiguration"`
	Queues    []destination `xml:"QueueConfiguration"`
	Functions []destination `xml:"CloudFunctionConfiguration"`
	Other     []element     `xml:",any"`
}

type destination struct {
	ID       string         `xml:"Id"`
	Topic    string         `xml:"Topic,omitempty"`
	Queue    string         `xml:"Queue,omitempty"`
	Function string         `xml:"CloudFunction,omitempty"`
	Events   []string       `xml:"Event"`
	Filter   *keyFilterRule `xml:"Filter>S3Key"`
}

type keyFilterRule struct {
	Rules []filterRule `xml:"FilterRule"`
}

type filterRule struct {
	Name  string
	Value text
}

// UnmarshalXML implements xml.Unmarshaler, which text does in one direction only.
func (f *filterRule) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var plain struct{ Name, Value string }
	err := d.DecodeElement(&plain, &start)
	f.Name, f.Value = plain.Name, text(plain.Value)
	return err
}

func (s *server) getNotification(w *response, c *call) error {
	rules, err := s.buckets.Notification(c.r.Context(), c.bucket)
	if err != nil {
		return err
	}
	return writeXML(w, http.StatusOK, newNotification(rules))
}

// newNotification tells rules as they were put.
func newNotification(rules []buckets.NotificationRule) notification {
	doc := notification{XMLName: xml.Name{Space: namespace, Local: "NotificationConfiguration"}}
	for _, r := range rules {
		d := destination{ID: r.ID, Events: r.Events}
		if r.Prefix != "" {
			d.filter("prefix", r.Prefix)
		}
		if r.Suffix != "" {
			d.filter("suffix", r.Suffix)
		}
		switch arn := webhookARN(r.Service, r.Region, r.Webhook); r.Service {
		case "sqs":
			d.Queue = arn
			doc.Queues = append(doc.Queues, d)
		case "lambda":
			d.Function = arn
			doc.Functions = append(doc.Functions, d)
		default:
			d.Topic = arn
			doc.Topics = append(doc.Topics, d)
		}
	}
	return doc
}

func (d *destination) filter(name, value string) {
	if d.Filter == nil {
		d.Filter = &keyFilterRule{}
	}
	d.Filter.Rules = append(d.Filter.Rules, filterRule{name, text(value)})
}

func (s *server) putNotification(w *response, c *call) error {
	data, err := c.document(maxNotification, false)
	if err != nil {
		return err
	}
	rules, err := parseNotification(data, s.region)
	if err != nil {
		return err
	}
	test := !strings.EqualFold(c.h.Get("X-Amz-Skip-Destination-Validation"), "true")
	if err := s.buckets.SetNotification(c.r.Context(), c.bucket, rules, test); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// parseNotification reads the rules of a document, put to a server of that region.
func parseNotification(data []byte, region string) ([]buckets.NotificationRule, error) {
	var doc notification
	if err := parseXML(data, &doc); err != nil {
		return nil, err
	}
	if doc.XMLName.Local != "NotificationConfiguration" {
		return nil, errMalformedXML
	}
	if len(doc.Other) > 0 { // EventBridge
		return nil, errNotImplemented.with("Element", doc.Other[0].XMLName.Local)
	}
	var rules []buckets.NotificationRule
	for _, kind := range []struct {
		service string
		list    []destination
	}{{"sns", doc.Topics}, {"sqs", doc.Queues}, {"lambda", doc.Functions}} {
		for _, d := range kind.list {
			r, err := notificationRule(kind.service, region, d)
			if err != nil {
				return nil, err
			}
			rules = append(rules, r)
		}
	}
	return rules, checkNotification(rules)
}

// notificationRule reads one destination of a service.
func notificationRule(service, region string, d destination) (buckets.NotificationRule, error) {
	r := buckets.NotificationRule{ID: d.ID, Service: service, Region: region, Events: d.Events}
	arn := map[string]string{"sns": d.Topic, "sqs": d.Queue, "lambda": d.Function}[service]
	name, ok := strings.CutPrefix(arn, webhookARN(service, region, ""))
	if !ok || arn != d.Topic+d.Queue+d.Function || !printable(name) {
		return r, errInvalidArgument.because("The ARN is not well formed: want "+webhookARN(service, region, "NAME")).
			with("ArgumentName", "Arn").with("ArgumentValue", arn)
	}
	r.Webhook = name
	if d.Filter == nil {
		return r, nil
	}
	seen := map[string]bool{}
	for _, f := range d.Filter.Rules {
		name := strings.ToLower(f.Name)
		switch {
		case name == "prefix" && !seen[name]:
			r.Prefix = string(f.Value)
		case name == "suffix" && !seen[name]:
			r.Suffix = string(f.Value)
		default:
			return r, errInvalidArgument.because("filter rule name must be either prefix or suffix, each of them once").
				with("ArgumentName", "FilterRule.Name").with("ArgumentValue", f.Name)
		}
		seen[name] = true
	}
	return r, nil
}

// webhookARN names a webhook as S3 names the destinations of a service.
func webhookARN(service, region, name string) string {
	return "arn:whypfs:" + service + ":" + region + "::" + name
}
