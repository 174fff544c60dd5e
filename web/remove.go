package web

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

func (s *server) confirmDeleteObject(c *call) error {
	b, o, version, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	if version != "" && o.Removable(false) != nil {
		return s.locked(c, b, o)
	}
	ref := bucketRef(b)
	data := confirmView{Name: o.Key, Version: version,
		Action: objectURL(ref, "remove", o.Key, version), Back: objectURL(ref, "object", o.Key, version)}
	switch {
	case version == "":
		data.Question, data.Label = "Delete this object?", "Delete the object"
		data.Warning, err = s.hideWarning(c, b, o)
	case o.Marker:
		data.Question, data.Label = "Delete this delete marker?", "Delete the marker"
		err = s.markerWarning(c, b, o, &data)
	default:
		data.Question, data.Label = "Delete this version?", "Delete the version"
		data.Warning, err = s.versionWarning(c, b, o)
	}
	if err != nil {
		return err
	}
	return s.ok(c, "confirm", view{Title: data.Label, Nav: "buckets", Data: data})
}

// afterlife says who may still have what is deleted.
func afterlife(b buckets.Bucket) string {
	text := " Copies that storage providers have sealed stay with them until their deals end"
	if b.Policy.Publish {
		return text + ", and whoever has fetched it over IPFS keeps it."
	}
	return text + "."
}

// hideWarning says what becomes of an object that is deleted by its key, which
// its bucket's versioning decides.
func (s *server) hideWarning(c *call, b buckets.Bucket, o buckets.Object) (string, error) {
	const gone = "gone at once and cannot be brought back."
	const hidden = "A delete marker hides it: the bucket does not list it any more and readers do not find it. This version stays, with its deals, until it is deleted itself; deleting the marker brings it back."
	switch {
	case b.Versioning == "":
		return "It is " + gone + afterlife(b), nil
	case b.Versioning == buckets.Enabled:
		if o.Removable(false) != nil {
			return hidden + " Its lock stays on it.", nil
		}
		return hidden, nil
	case !o.Versioned:
		return "Versioning is suspended, so a delete marker replaces this version, whose id is null: it is " + gone +
			" Versions with other ids stay." + afterlife(b), nil
	}
	null, err := s.buckets.Head(c.r.Context(), b, o.Key, "null")
	switch {
	case errors.Is(err, buckets.ErrNoVersion) || err == nil && null.Marker:
		return hidden, nil
	case err != nil:
		return "", err
	}
	return hidden + fmt.Sprintf(" But as versioning is suspended, the marker replaces the version with the id null, of %s: that one is %s",
		stampText(null.Modified), gone), nil
}

// markerWarning fills in what becomes of a deleted object without its marker.
func (s *server) markerWarning(c *call, b buckets.Bucket, o buckets.Object, data *confirmView) error {
	if !o.Latest {
		data.Warning = "It is one of the older versions: deleting it changes nothing that readers see."
		return nil
	}
	older, found, err := s.before(c, b, o)
	switch {
	case err != nil:
		return err
	case !found:
		data.Warning = "Nothing is behind it: the key is gone altogether."
	case older.Marker:
		data.Warning = "The version before it is a delete marker too, so the object stays deleted."
	default:
		data.Question, data.Label, data.Restores = "Bring this object back?", "Bring it back", true
		data.Warning = fmt.Sprintf("Its delete marker is deleted, and the version of %s becomes the current one.", stampText(older.Modified))
	}
	return nil
}

func (s *server) versionWarning(c *call, b buckets.Bucket, o buckets.Object) (string, error) {
	text := "This version is gone at once and cannot be brought back."
	if o.Latest {
		older, found, err := s.before(c, b, o)
		switch {
		case err != nil:
			return "", err
		case !found:
			text += " The key has no other."
		case older.Marker:
			text += " The one before it is a delete marker, so the object is deleted then."
		default:
			text += fmt.Sprintf(" The one of %s becomes the current one.", stampText(older.Modified))
		}
	}
	return text + afterlife(b), nil
}

func (s *server) deleteObject(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	b, o, version, err := s.visibleObject(c)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	_, err = s.buckets.Delete(ctx, b, o.Key, buckets.DeleteOptions{Version: version})
	if errors.Is(err, buckets.ErrLocked) && o.Removable(false) != nil {
		return s.locked(c, b, o)
	}
	if err != nil {
		return err
	}
	ref := bucketRef(b)
	if version != "" {
		left, err := s.buckets.Head(ctx, b, o.Key, "")
		if err == nil || errors.Is(err, buckets.ErrNoObject) && left.Marker {
			s.redirect(c, objectURL(ref, "object", o.Key, ""))
			return nil
		}
	}
	s.redirect(c, listURL(ref, o.Key[:strings.LastIndexByte(o.Key, '/')+1]))
	return nil
}

// locked is the error that a locked version is not deleted, with what can be done.
func (s *server) locked(c *call, b buckets.Bucket, o buckets.Object) error {
	e := errLocked
	e.back = objectURL(bucketRef(b), "object", o.Key, o.VersionID())
	version := []string{"--key", o.Key, "--version-id", o.VersionID()}
	retained := time.Now().Before(o.Retention.Until)
	switch until := stampText(o.Retention.Until); {
	case o.Hold:
		e.advice = "A legal hold is on it, whoever asks. Take the hold off with an S3 client, then delete it:"
		if retained {
			e.advice = fmt.Sprintf("A legal hold is on it, and it is retained in %s mode until %s, hold or not. The hold is taken off with an S3 client:", o.Retention.Mode, until)
		}
		e.command = s.aws(c, b, "put-object-legal-hold", append(version, "--legal-hold", "Status=OFF")...)
	case o.Retention.Mode == buckets.Governance:
		e.advice = fmt.Sprintf("It is retained in GOVERNANCE mode until %s. Come back then, or, if it must go now, bypass the retention with an S3 client:", until)
		e.command = s.aws(c, b, "delete-object", append(version, "--bypass-governance-retention")...)
	default:
		e.advice = fmt.Sprintf("It is retained in COMPLIANCE mode until %s: nobody can delete it before, the admins of this node included. Come back then.", until)
	}
	if o.Latest {
		e.hint = "Deleting the object instead of this version is always possible: a delete marker then hides it."
	}
	return e
}
