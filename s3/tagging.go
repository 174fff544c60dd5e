package s3

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/whypfs/whypfs/buckets"
)

const (
	maxObjectTags = 10
	maxBucketTags = 50
	maxTagKey     = 128 // characters
	maxTagValue   = 256 // characters
	// maxTagging lets 50 tags through even if every character is written as a
	// reference.
	maxTagging = 256 << 10
	tagHeader  = "X-Amz-Tagging"
	// tagDocument is the bucket's document that keeps its tags.
	tagDocument = "tagging"
)

// tagging is the document of a tag set.
type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	TagSet  *tagSet  `xml:"TagSet"`
}

type tagSet struct {
	Tags []taggingEntry `xml:"Tag"`
}

type taggingEntry struct {
	Key   *text
	Value *text
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *text) UnmarshalText(b []byte) error {
	*t = text(b)
	return nil
}

// newTagging is the document that tells tags.
func newTagging(tags []buckets.Tag) tagging {
	set := &tagSet{}
	for _, t := range tags {
		key, value := text(t.Key), text(t.Value)
		set.Tags = append(set.Tags, taggingEntry{&key, &value})
	}
	return tagging{Xmlns: namespace, TagSet: set}
}

// parseTagging reads a Tagging document of at most so many tags.
func parseTagging(data []byte, most int) ([]buckets.Tag, error) {
	var doc tagging
	if err := parseXML(data, &doc); err != nil {
		return nil, err
	}
	if doc.TagSet == nil {
		return nil, errMalformedXML
	}
	var tags []buckets.Tag
	for _, t := range doc.TagSet.Tags {
		if t.Key == nil || t.Value == nil {
			return nil, errMalformedXML
		}
		tags = append(tags, buckets.Tag{Key: string(*t.Key), Value: string(*t.Value)})
	}
	return orderedTags(tags, most)
}

// parseTagHeader reads x-amz-tagging: tags as URL query parameters. A name
// without a value is a tag with an empty one.
func parseTagHeader(v string) ([]buckets.Tag, error) {
	wrong := errInvalidArgument.because("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.").
		with("ArgumentName", "x-amz-tagging").with("ArgumentValue", v)
	var tags []buckets.Tag
	for pair := range strings.SplitSeq(v, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, errKey := url.QueryUnescape(key)
		value, errValue := url.QueryUnescape(value)
		if errKey != nil || errValue != nil {
			return nil, wrong
		}
		tags = append(tags, buckets.Tag{Key: key, Value: value})
	}
	ordered, err := orderedTags(tags, maxObjectTags)
	if err == errTagTwice {
		return nil, wrong
	}
	return ordered, err
}

// formatTagHeader is the reverse.
func formatTagHeader(tags []buckets.Tag) string {
	var pairs []string
	for _, t := range tags {
		pairs = append(pairs, url.QueryEscape(t.Key)+"="+url.QueryEscape(t.Value))
	}
	return strings.Join(pairs, "&")
}

// orderedTags checks tags and sorts them by key, the order in which S3 tells
// a set of tags.
func orderedTags(tags []buckets.Tag, most int) ([]buckets.Tag, error) {
	if len(tags) > most {
		return nil, errInvalidTag.because("Tags cannot be greater than " + strconv.Itoa(most))
	}
	for _, t := range tags {
		switch {
		case t.Key == "" || !isTagText(t.Key, maxTagKey):
			return nil, errInvalidTag.because("The TagKey you have provided is invalid").with("TagKey", t.Key)
		case !isTagText(t.Value, maxTagValue):
			return nil, errInvalidTag.because("The TagValue you have provided is invalid").with("TagValue", t.Value)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, errInvalidTag.because("System tags cannot be added/updated by requester").with("TagKey", t.Key)
		}
	}
	slices.SortFunc(tags, func(a, b buckets.Tag) int { return cmp.Compare(a.Key, b.Key) })
	for i := 1; i < len(tags); i++ {
		if tags[i].Key == tags[i-1].Key {
			return nil, errTagTwice
		}
	}
	return tags, nil
}

// isTagText says whether s has at most so many characters, all of which AWS
// allows in tags: letters, digits, spaces and _ . : / = + - @.
func isTagText(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number, unicode.Zs) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

func (s *server) getObjectTagging(w *response, c *call) error {
	o, err := s.object(c)
	if err != nil {
		return err
	}
	c.tellVersion(w.Header(), o)
	return writeXML(w, http.StatusOK, newTagging(o.Tags))
}

func (s *server) putObjectTagging(w *response, c *call) error {
	data, err := c.document(maxTagging, true)
	if err != nil {
		return err
	}
	tags, err := parseTagging(data, maxObjectTags)
	if err != nil {
		return err
	}
	c.tags = tags
	if err := s.askWithBody(c); err != nil {
		return err
	}
	return s.setTags(w, c, tags, http.StatusOK)
}

func (s *server) deleteObjectTagging(w *response, c *call) error {
	return s.setTags(w, c, nil, http.StatusNoContent)
}

func (s *server) setTags(w *response, c *call, tags []buckets.Tag, status int) error {
	version, err := c.versionID()
	if err != nil {
		return err
	}
	o, err := s.buckets.SetTags(c.r.Context(), c.bucket, c.key, version, tags)
	if err != nil {
		return c.notObject(o, err)
	}
	c.tellVersion(w.Header(), o)
	w.WriteHeader(status)
	return nil
}

func (s *server) getBucketTagging(w *response, c *call) error {
	data, err := s.configuration(c, tagDocument, errNoTags)
	if err != nil {
		return err
	}
	return writeDocument(w, data)
}

func (s *server) putBucketTagging(w *response, c *call) error {
	data, err := c.document(maxTagging, true)
	if err != nil {
		return err
	}
	tags, err := parseTagging(data, maxBucketTags)
	if err != nil {
		return err
	}
	return s.configure(w, c, tagDocument, newTagging(tags))
}

func (s *server) deleteBucketTagging(w *response, c *call) error {
	return s.unconfigure(w, c, tagDocument)
}
