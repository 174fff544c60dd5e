package estuaryapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// apiError is V1's error body (estuary util/http.go, HttpError).
type apiError struct {
	Code    int    `json:"code,omitempty"`
	Reason  string `json:"reason"`
	Details string `json:"details"`
}

// errorBody is the whole of it.
type errorBody struct {
	Error apiError `json:"error"`
}

func (e apiError) Error() string { return e.Reason + ": " + e.Details }

var (
	errNoRoute = apiError{http.StatusNotFound, "Not Found", "Not Found"}
	errMethod  = apiError{http.StatusMethodNotAllowed, "Method Not Allowed", "Method Not Allowed"}

	errAuthMissing = apiError{http.StatusUnauthorized, "ERR_AUTH_MISSING", "no api key was specified"}
	errNoBearer    = apiError{http.StatusUnauthorized, "ERR_AUTH_MISSING_BEARER", "Unsupported authorization scheme: Bearer is a required prefix. The Authorization HTTP Header should be in the format \"Authorization: Bearer ESTxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxxARY\"."}
	errBadAuth     = apiError{http.StatusUnauthorized, "ERR_INVALID_AUTH", "Invalid Auth: An Invalid API Key was specified. The Authorization HTTP Header should be in the format \"Authorization: Bearer ESTxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxxARY\". You have the Bearer prefix but your API Key is empty or missing."}
	errNoToken     = apiError{http.StatusUnauthorized, "ERR_INVALID_TOKEN", "api key does not exist"}
	errUploadOnly  = apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED", "api key is upload only"}
	errFormSize    = apiError{http.StatusRequestEntityTooLarge, "ERR_INVALID_INPUT", fmt.Sprintf("the form has more than %d bytes besides the file in `data`", maxBesides)}
	errLevel       = apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED", "user not authorized"}
	errRate        = apiError{http.StatusTooManyRequests, "Too Many Requests", "rate limit exceeded"}
	errNoAccounts  = apiError{http.StatusServiceUnavailable, "ERR_INTERNAL_SERVER", "the service that knows users and tokens is not available; try again in a moment"}
	errInternal    = apiError{http.StatusInternalServerError, "ERR_INTERNAL_SERVER", "internal error; the node's log has its cause"}
)

func errInput(format string, args ...any) apiError {
	return apiError{http.StatusBadRequest, "ERR_INVALID_INPUT", fmt.Sprintf(format, args...)}
}

func errExpired(user uint64, at string) apiError {
	return apiError{http.StatusUnauthorized, "ERR_TOKEN_EXPIRED", fmt.Sprintf("token for user %d expired %s", user, at)}
}

// errSuspended tells a user why he is shut out.
func errSuspended(err error) apiError {
	return apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED", innermost(err, accounts.ErrSuspended)}
}

// innermost is the text of err from a sentinel of it on: what comes before it
// says where we were, which is the log's.
func innermost(err, sentinel error) string {
	text := err.Error()
	if i := strings.LastIndex(text, sentinel.Error()); i > 0 {
		text = text[i:]
	}
	return text
}

var errNoSuchUser = apiError{http.StatusNotFound, "ERR_USER_NOT_FOUND", "no such user exist"}

// errQuota says that somebody would keep more than he may.
func errQuota(why string) apiError {
	return apiError{http.StatusBadRequest, "ERR_CONTENT_SIZE_OVER_LIMIT",
		why + "; delete contents that are not needed, or ask an admin of this node for a larger quota"}
}

func errNoContent(id uint64) apiError {
	return apiError{http.StatusNotFound, "ERR_CONTENT_NOT_FOUND", fmt.Sprintf("content: %d was not found", id)}
}

func errNoRecord(id uint64) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", fmt.Sprintf("content: %d was not found", id)}
}

func errNoCID(root string) apiError {
	return apiError{http.StatusNotFound, "ERR_CONTENT_NOT_FOUND", fmt.Sprintf("content: %s was not found", root)}
}

func errNoCollection(id string) apiError {
	return apiError{http.StatusNotFound, "ERR_CONTENT_NOT_FOUND", fmt.Sprintf("collection with ID(%s) was not found", id)}
}

func errNoZone(id uint64) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", fmt.Sprintf("staging zone: %d was not found", id)}
}

func errForeign(kind string, user, id uint64) apiError {
	return apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED",
		fmt.Sprintf("User (%d) is not authorized for %s (%d)", user, kind, id)}
}

// errBroken says that an upload did not come whole.
var errBroken = apiError{http.StatusBadRequest, "ERR_BAD_REQUEST", "the upload broke off; nothing was stored"}

// errFull says that there is no room.
var errFull = apiError{http.StatusInsufficientStorage, "ERR_CONTENT_ADDING_DISABLED", "the disk of this node is full; nothing was stored"}

// codes maps errors of the packages below to V1's answers. What is not in the
// table is a fault of ours: its text goes to the log only.
var codes = []struct {
	err    error
	answer apiError
}{
	{accounts.ErrUnavailable, errNoAccounts},
	{accounts.ErrNoToken, errNoToken},
	{accounts.ErrNoUser, errNoSuchUser},
	{accounts.ErrPassword, errPassword},
	{accounts.ErrUserExists, errNameTaken},
	{accounts.ErrNoInvite, errInvite},
	{accounts.ErrInviteUsed, errInviteUsed},
	{accounts.ErrInviteExists, errInviteTaken},
	{node.ErrFull, errFull},
	{kv.ErrFull, errFull},
	{buckets.ErrKey, apiError{http.StatusBadRequest, "ERR_INVALID_INPUT", "the file name is empty, not UTF-8, or too long"}},
	{buckets.ErrReplication, apiError{http.StatusBadRequest, "ERR_INVALID_INPUT", fmt.Sprintf("replication: a content has from 1 to %d deals", buckets.MaxReplication)}},
	{buckets.ErrNoContent, apiError{http.StatusNotFound, "ERR_CONTENT_NOT_FOUND", "content was not found"}},
	{buckets.ErrLocked, apiError{http.StatusForbidden, "ERR_NOT_AUTHORIZED", "the content is under a retention or a legal hold: nothing was deleted"}},
	{buckets.ErrNoZone, apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", "staging zone was not found"}},
	{errBrokenBody, errBroken},
}

func asError(err error) apiError {
	var e apiError
	if errors.As(err, &e) {
		return e
	}
	var many *accounts.TooManyError
	switch {
	case errors.As(err, &many):
		return apiError{errRate.Code, errRate.Reason, many.Error()}
	case errors.Is(err, buckets.ErrQuota):
		return errQuota(buckets.QuotaReason(err))
	case errors.Is(err, accounts.ErrSuspended):
		return errSuspended(err)
	case errors.Is(err, accounts.ErrInvalid):
		return errInput("%s", innermost(err, accounts.ErrInvalid))
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.answer
		}
	}
	return errInternal
}
