package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/collections"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/retrieve"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// pageError is an error in words for a person: what is wrong, and what to do.
type pageError struct {
	status int
	title  string
	advice string
	retry  string // seconds

	command string // that does what the advice says
	hint    string // what else can be done
	back    string // URL of the page that it is about
}

func (e pageError) Error() string   { return e.title }
func (e pageError) Title() string   { return e.title }
func (e pageError) Advice() string  { return e.advice }
func (e pageError) Status() int     { return e.status }
func (e pageError) Command() string { return e.command }
func (e pageError) Hint() string    { return e.hint }
func (e pageError) Back() string    { return e.back }

// because returns e with another advice.
func (e pageError) because(format string, args ...any) pageError {
	e.advice = fmt.Sprintf(format, args...)
	return e
}

// Errors that handlers return themselves.
var (
	errNoPage      = pageError{status: 404, title: "There is no such page", advice: "It may have been moved or deleted, or it belongs to someone else. Start again from the dashboard."}
	errNoSession   = pageError{status: 401, title: "You are not logged in", advice: "Your session has ended. Log in again and repeat what you did."}
	errForeignSite = pageError{status: 403, title: "This request came from another site", advice: "Nothing was changed. If you meant it, do it on the pages of this node."}
	errCSRF        = pageError{status: 403, title: "This form is out of date", advice: "Nothing was changed. Go back, reload the page and send the form again."}
	errInput       = pageError{status: 400, title: "This request is not understood", advice: "Go back, reload the page and try again."}
	errTooMany     = pageError{status: 429, title: "Too many attempts", advice: "Wait a minute, then try again."}
	errLogin       = pageError{status: 401, title: "Name and password do not match", advice: "Check both and try again. An S3 access key with its secret key works too."}
	errCurrent     = pageError{status: 401, title: "The current password is not right", advice: "Nothing was changed. An S3 secret key of yours works too."}
	errRepeat      = pageError{status: 400, title: "The new passwords differ", advice: "Nothing was changed. Enter the same one twice."}
	errRefused     = pageError{status: 400, title: "This cannot be"}
	errSelf        = pageError{status: 409, title: "This is your own account", advice: "Nothing was changed: nobody takes away what he can only get back from others. Another admin can do it."}
	errPin         = pageError{status: 400, title: "This cannot be pinned"}
	errCollection  = pageError{status: 404, title: "There is no such collection", advice: "It may have been deleted, or it belongs to someone else. Yours are listed under Buckets, Collections."}
	errNoProvider  = pageError{status: 404, title: "There is no such provider", advice: "It may have left the operator's list. Those to choose from are listed under Providers."}
	errUploadOnly  = pageError{status: 403, title: "This account may only upload", advice: "Use it with an S3 client, or ask an admin for more rights."}
	errQuota       = pageError{status: 507, title: "The quota is used up"}
	errSuspended   = pageError{status: 403, title: "This account is suspended", advice: "Ask an admin of this node."}
	errLocked      = pageError{status: 409, title: "This version is locked", advice: "Nothing was deleted. Its page says which lock is on it, and until when."}
	errNoVersion   = pageError{status: 404, title: "There is no such version", advice: "It may have been deleted. The page of the object lists the versions that are left."}
	errInternal    = pageError{status: 500, title: "Something went wrong on this node", advice: "Try again in a moment. If it stays, an admin finds the cause in the node's log."}
)

// pageFull says that there is no room.
var pageFull = pageError{status: 507, title: "The disk of this node is full", advice: "Nothing of this upload was stored; earlier objects are safe. Delete what is not needed, or ask an admin for more space."}

// known puts the errors of the packages below into words. What is not in the
// table is a fault of ours: its text goes to the log only.
var known = []struct {
	err error
	as  pageError
}{
	{buckets.ErrNoBucket, pageError{status: 404, title: "There is no such bucket", advice: "It may have been deleted, or it belongs to someone else. Your buckets are listed under Buckets."}},
	{buckets.ErrBucketOwned, pageError{status: 409, title: "You have a bucket of this name already", advice: "Open it under Buckets, or choose another name."}},
	{buckets.ErrBucketExists, pageError{status: 409, title: "This name is taken", advice: "Bucket names are shared by all users of the node: choose another one."}},
	{buckets.ErrBucketName, pageError{status: 400, title: "This is not a bucket name", advice: "Use 3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at both ends."}},
	{buckets.ErrNotEmpty, pageError{status: 409, title: "The bucket is not empty", advice: "Delete its objects first, under All versions also what is left of deleted ones, and abort its unfinished uploads with an S3 client."}},
	{buckets.ErrNoObject, pageError{status: 404, title: "There is no such object", advice: "It may have been deleted or renamed. Look through the bucket for it."}},
	{buckets.ErrNoVersion, errNoVersion},
	{buckets.ErrVersionID, errNoVersion},
	{buckets.ErrMarker, pageError{status: 404, title: "This is a delete marker", advice: "It has no data: it says that the object was deleted. Deleting the marker brings the version before it back."}},
	{buckets.ErrLocked, errLocked},
	{buckets.ErrPublishChanged, pageError{status: 409, title: "The bucket was made public or private meanwhile", advice: "Nothing of this upload was stored. Try again."}},
	{buckets.ErrKey, pageError{status: 400, title: "This name cannot be stored", advice: "Names are 1 to 1024 bytes of UTF-8. Rename the file and upload it again."}},
	{buckets.ErrNoZone, pageError{status: 404, title: "There is no such zone", advice: "Zones go when everything in them has been deleted. The current ones are listed under Zones."}},
	{buckets.ErrNoRetrieval, pageError{status: 404, title: "There is no such retrieval", advice: "It may have ended meanwhile. What runs, waits and ended lately is listed under Retrievals."}},
	{collections.ErrNotFound, errCollection},
	{collections.ErrNotOwner, errCollection},
	{collections.ErrPath, errInput},
	{collections.ErrExists, pageError{status: 409, title: "Something else is at that path", advice: "Nothing was changed. Remove it first, or choose another name."}},
	{buckets.ErrNoPin, pageError{status: 404, title: "There is no such pin", advice: "It may have been removed, or replaced by another. Yours are listed under Pins."}},
	{deals.ErrNoDeal, pageError{status: 404, title: "There is no such deal", advice: "The current deals are listed under Deals."}},
	{node.ErrFull, pageFull},
	{kv.ErrFull, pageFull},
	{node.ErrNotFound, pageError{status: 503, title: "The data is not on this node at the moment", advice: "It could not be brought back from a storage provider yet. Try again in a minute.", retry: "30"}},
	{retrieve.ErrNoReplica, pageError{status: 503, title: "No storage provider returned the data", advice: "Try again in a minute; the deals of the object's zone say how its providers are.", retry: "30"}},
	{node.ErrDamaged, pageError{status: 503, title: "The data is damaged on this node", advice: "It is brought back from a storage provider when one has it. Try again later, and tell an admin.", retry: "60"}},
	{accounts.ErrUnavailable, pageError{status: 503, title: "The service that knows the users is not available", advice: "Nobody can be let in without it. What you sent may or may not have been done; try again in a moment, and look.", retry: "5"}},
	{accounts.ErrPassword, errLogin},
	{accounts.ErrNoToken, pageError{status: 404, title: "There is no such token", advice: "It may have been revoked meanwhile. Yours are listed under Account."}},
	{accounts.ErrNoUser, pageError{status: 404, title: "There is no such user", advice: "All users are listed under Users."}},
	{accounts.ErrUserExists, pageError{status: 409, title: "This name is taken", advice: "Names of users differ by more than their case: choose another one."}},
	{accounts.ErrNoInvite, pageError{status: 404, title: "There is no such invite", advice: "It may be mistyped, or have been taken back. Admins make new ones."}},
	{accounts.ErrInviteUsed, pageError{status: 409, title: "This invite is used already", advice: "Each lets one person in. Admins make new ones."}},
	{accounts.ErrInviteExists, pageError{status: 409, title: "This code is taken", advice: "Choose another one, or none."}},
	{accounts.ErrNoKey, pageError{status: 404, title: "There is no such S3 key", advice: "It may have been deleted meanwhile. Yours are listed under Account."}},
	{accounts.ErrSuspended, errSuspended},
	{context.Canceled, pageError{status: 400, title: "The upload broke off", advice: "Nothing of it was stored. Try again."}},
	{errBroken, pageError{status: 400, title: "The upload broke off", advice: "Nothing of the unfinished file was stored. Check the connection and try again."}},
}

// tooMany says for how long nobody may log in.
func tooMany(wait time.Duration) pageError {
	e := errTooMany.because("Logging in from your address is paused. Try again in %s.", wait.Round(time.Second))
	e.retry = fmt.Sprint(int(wait.Seconds()) + 1)
	return e
}

// reasonOf is what a wrapped sentinel is followed by, for whom it concerns.
func reasonOf(err, sentinel error) string {
	_, why, _ := strings.Cut(err.Error(), sentinel.Error()+": ")
	return why
}

// errBroken says that a body ended before it was complete.
var errBroken = errors.New("request body breaks off")

// translate puts err into words for a person.
func translate(err error) pageError {
	var p pageError
	if errors.As(err, &p) {
		return p
	}
	var many *accounts.TooManyError
	if errors.As(err, &many) {
		return tooMany(many.Wait)
	}
	if errors.Is(err, buckets.ErrQuota) {
		return errQuota.because("Nothing of this upload was stored: %s. Delete what is not needed, or ask an admin for more.", buckets.QuotaReason(err))
	}
	if errors.Is(err, buckets.ErrInvalidPin) {
		return errPin.because("%s.", reasonOf(err, buckets.ErrInvalidPin))
	}
	if errors.Is(err, collections.ErrInvalid) {
		return errRefused.because("Nothing was changed: %s.", reasonOf(err, collections.ErrInvalid))
	}
	if errors.Is(err, accounts.ErrInvalid) {
		return errRefused.because("Nothing was changed: %s.", reasonOf(err, accounts.ErrInvalid))
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errInput
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.as
		}
	}
	return errInternal
}
