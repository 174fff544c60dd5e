package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/internal/acl"
	"github.com/whypfs/whypfs/internal/checksum"
	"github.com/whypfs/whypfs/internal/cors"
	"github.com/whypfs/whypfs/internal/lifecycle"
	"github.com/whypfs/whypfs/internal/postpolicy"
	"github.com/whypfs/whypfs/internal/sigv4"
	"github.com/whypfs/whypfs/kv"
	"github.com/whypfs/whypfs/node"
)

// An apiError is an error in S3's words. Its message is for the client.
type apiError struct {
	Code    string
	Status  int
	Message string
	Fields  []element // further elements of the error document
	Headers []element // headers of the response, by canonical name
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// because returns a copy of e with another message.
func (e *apiError) because(message string) *apiError {
	c := *e
	c.Message = message
	return &c
}

// with returns a copy of e with a further element.
func (e *apiError) with(name, value string) *apiError {
	c := *e
	c.Fields = append(slices.Clip(e.Fields), newElement(name, value))
	return &c
}

// header returns a copy of e whose response has a header.
func (e *apiError) header(name, value string) *apiError {
	c := *e
	c.Headers = append(slices.Clip(e.Headers), newElement(name, value))
	return &c
}

// Errors that handlers return themselves.
var (
	errEmail               = &apiError{Code: "UnresolvableGrantByEmailAddress", Status: 400, Message: "The e-mail address you provided does not match any account on record."}
	errMalformedACL        = &apiError{Code: "MalformedACLError", Status: 400, Message: "The XML you provided was not well-formed or did not validate against our published schema"}
	errMalformedPolicy     = &apiError{Code: "MalformedPolicy", Status: 400, Message: "This policy contains invalid Json"}
	errMissingACL          = &apiError{Code: "MissingSecurityHeader", Status: 400, Message: "Your request was missing a required header"}
	errNoOwnership         = &apiError{Code: "OwnershipControlsNotFoundError", Status: 404, Message: "The bucket ownership controls were not found"}
	errNoPolicy            = &apiError{Code: "NoSuchBucketPolicy", Status: 404, Message: "The bucket policy does not exist"}
	errNoPublicBlock       = &apiError{Code: "NoSuchPublicAccessBlockConfiguration", Status: 404, Message: "The public access block configuration was not found"}
	errOwnershipACL        = &apiError{Code: "InvalidBucketAclWithObjectOwnership", Status: 400, Message: "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"}
	errUnexpectedContent   = &apiError{Code: "UnexpectedContent", Status: 400, Message: "This request does not support content"}
	errAccount             = &apiError{Code: "AccountProblem", Status: 403, Message: "There is a problem with your account that prevents the operation from completing successfully."}
	errAccessDenied        = &apiError{Code: "AccessDenied", Status: 403, Message: "Access Denied"}
	errACL                 = &apiError{Code: "AccessControlListNotSupported", Status: 400, Message: "The bucket does not allow ACLs"}
	errBadMethod           = &apiError{Code: "BadRequest", Status: 400, Message: "Invalid Access-Control-Request-Method: "}
	errBadDigest           = &apiError{Code: "BadDigest", Status: 400, Message: "The Content-MD5 or checksum value that you specified did not match what the server received."}
	errBucketExists        = &apiError{Code: "BucketAlreadyExists", Status: 409, Message: "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."}
	errBucketOwned         = &apiError{Code: "BucketAlreadyOwnedByYou", Status: 409, Message: "Your previous request to create the named bucket succeeded and you already own it."}
	errBucketState         = &apiError{Code: "InvalidBucketState", Status: 409, Message: "The request is not valid for the current state of the bucket."}
	errCORS                = &apiError{Code: "AccessForbidden", Status: 403, Message: "CORSResponse: CORS is not enabled for this bucket."}
	errIllegalLocation     = &apiError{Code: "IllegalLocationConstraintException", Status: 400, Message: "The location constraint is incompatible for the region specific endpoint this request was sent to."}
	errInternal            = &apiError{Code: "InternalError", Status: 500, Message: "We encountered an internal error. Please try again."}
	errInvalidArgument     = &apiError{Code: "InvalidArgument", Status: 400, Message: "Invalid Argument"}
	errInvalidBucketName   = &apiError{Code: "InvalidBucketName", Status: 400, Message: "The specified bucket is not valid."}
	errInvalidDigest       = &apiError{Code: "InvalidDigest", Status: 400, Message: "The Content-MD5 you specified was invalid."}
	errInvalidLocation     = &apiError{Code: "InvalidLocationConstraint", Status: 400, Message: "The specified location-constraint is not valid"}
	errInvalidPart         = &apiError{Code: "InvalidPart", Status: 400, Message: "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."}
	errInvalidPartNumber   = &apiError{Code: "InvalidPartNumber", Status: 416, Message: "The requested partnumber is not satisfiable"}
	errInvalidPartOrder    = &apiError{Code: "InvalidPartOrder", Status: 400, Message: "The list of parts was not in ascending order. Parts must be ordered by part number."}
	errInvalidRange        = &apiError{Code: "InvalidRange", Status: 416, Message: "The requested range is not satisfiable"}
	errInvalidRequest      = &apiError{Code: "InvalidRequest", Status: 400, Message: "Invalid Request"}
	errInvalidStorage      = &apiError{Code: "InvalidStorageClass", Status: 400, Message: "The storage class you specified is not valid"}
	errInvalidURI          = &apiError{Code: "InvalidURI", Status: 400, Message: "Couldn't parse the specified URI."}
	errInvalidTag          = &apiError{Code: "InvalidTag", Status: 400, Message: "The tag provided was not a valid tag."}
	errKeyTooLong          = &apiError{Code: "KeyTooLongError", Status: 400, Message: "Your key is too long"}
	errMalformedXML        = &apiError{Code: "MalformedXML", Status: 400, Message: "The XML you provided was not well-formed or did not validate against our published schema"}
	errMetadataTooLarge    = &apiError{Code: "MetadataTooLarge", Status: 400, Message: "Your metadata headers exceed the maximum allowed metadata size"}
	errInvalidPolicy       = &apiError{Code: "InvalidPolicyDocument", Status: 400, Message: "The content of the form does not meet the conditions specified in the policy document."}
	errMethodNotAllowed    = &apiError{Code: "MethodNotAllowed", Status: 405, Message: "The specified method is not allowed against this resource."}
	errMissingLength       = &apiError{Code: "MissingContentLength", Status: 411, Message: "You must provide the Content-Length HTTP header."}
	errNoLifecycle         = &apiError{Code: "NoSuchLifecycleConfiguration", Status: 404, Message: "The lifecycle configuration does not exist"}
	errObjectState         = &apiError{Code: "InvalidObjectState", Status: 403, Message: "The operation is not valid for the object's storage class"}
	errMalformedPOST       = &apiError{Code: "MalformedPOSTRequest", Status: 400, Message: "The body of your POST request is not well-formed multipart/form-data."}
	errFieldsTooLarge      = &apiError{Code: "MaxPostPreDataLengthExceededError", Status: 400, Message: "Your POST request fields preceding the upload file were too large."}
	errNoFile              = &apiError{Code: "IncorrectNumberOfFilesInPostRequest", Status: 400, Message: "POST requires exactly one file upload per request."}
	errNotForm             = errPrecondition.with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
	errNoSuchBucket        = &apiError{Code: "NoSuchBucket", Status: 404, Message: "The specified bucket does not exist"}
	errNoSuchKey           = &apiError{Code: "NoSuchKey", Status: 404, Message: "The specified key does not exist."}
	errNoEncryption        = &apiError{Code: "ServerSideEncryptionConfigurationNotFoundError", Status: 404, Message: "The server side encryption configuration was not found"}
	errNoLock              = &apiError{Code: "NoSuchObjectLockConfiguration", Status: 404, Message: "The specified object does not have a ObjectLock configuration"}
	errNoLockBucket        = &apiError{Code: "InvalidRequest", Status: 400, Message: "Bucket is missing Object Lock Configuration"}
	errNoLockConfiguration = &apiError{Code: "ObjectLockConfigurationNotFoundError", Status: 404, Message: "Object Lock configuration does not exist for this bucket"}
	errNoTags              = &apiError{Code: "NoSuchTagSet", Status: 404, Message: "The TagSet does not exist"}
	errNoSuchUpload        = &apiError{Code: "NoSuchUpload", Status: 404, Message: "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."}
	errNoSuchVersion       = &apiError{Code: "NoSuchVersion", Status: 404, Message: "The specified version does not exist."}
	errNotEmpty            = &apiError{Code: "BucketNotEmpty", Status: 409, Message: "The bucket you tried to delete is not empty"}
	errNotImplemented      = &apiError{Code: "NotImplemented", Status: 501, Message: "A header or query you provided implies functionality that is not implemented."}
	errOrigin              = &apiError{Code: "BadRequest", Status: 400, Message: "Insufficient information. Origin request header needed."}
	errConflict            = &apiError{Code: "OperationAborted", Status: 409, Message: "A conflicting operation is in progress against this resource. Please try again."}
	errPrecondition        = &apiError{Code: "PreconditionFailed", Status: 412, Message: "At least one of the pre-conditions you specified did not hold"}
	errRedirect            = &apiError{Code: "InvalidRedirectLocation", Status: 400, Message: "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."}
	errRetentionPeriod     = &apiError{Code: "InvalidRetentionPeriod", Status: 400, Message: "The retention period specified in the Object Lock configuration must be a positive integer."}
	errRequestTimeout      = &apiError{Code: "RequestTimeout", Status: 400, Message: "Your socket connection to the server was not read from or written to within the timeout period."}
	errQuota               = &apiError{Code: "QuotaExceeded", Status: 403, Message: "The owner of the bucket keeps as much as he may."}
	errStorageFull         = &apiError{Code: "InsufficientStorage", Status: 507, Message: "The server has no room for more data. Objects stored before are not affected."}
	errTagTwice            = errInvalidTag.because("Cannot provide multiple Tags with the same key")
	errTooLarge            = &apiError{Code: "EntityTooLarge", Status: 400, Message: "Your proposed upload exceeds the maximum allowed size"}
	errTooSmall            = &apiError{Code: "EntityTooSmall", Status: 400, Message: "Your proposed upload is smaller than the minimum allowed size"}
	errUnavailable         = &apiError{Code: "ServiceUnavailable", Status: 503, Message: "The object's data is not on this node and could not be brought back yet. Please try again."}
	errUnsupportedTrailer  = &apiError{Code: "InvalidRequest", Status: 400, Message: "The value specified in the x-amz-trailer header is not supported"}
)

// known says what the sentinels of other packages are in S3's words.
var known = []struct {
	err error
	as  *apiError
}{
	{accounts.ErrUnavailable, errUnavailable.because("The service that knows users and keys is not available. Please try again.")},
	{accounts.ErrSuspended, errAccount},
	{buckets.ErrNoBucket, errNoSuchBucket},
	{buckets.ErrBucketExists, errBucketExists},
	{buckets.ErrBucketOwned, errBucketOwned},
	{buckets.ErrBucketName, errInvalidBucketName},
	{buckets.ErrNotEmpty, errNotEmpty},
	{buckets.ErrNoObject, errNoSuchKey},
	{buckets.ErrNoVersion, errNoSuchVersion},
	{buckets.ErrVersionID, errInvalidArgument.because("Invalid version id specified")},
	{buckets.ErrLocked, errAccessDenied.because("Access Denied because object protected by object lock.")},
	{buckets.ErrLockOff, errNoLockBucket},
	{buckets.ErrRetention, errMalformedXML},
	{buckets.ErrVersioning, errMalformedXML},
	{buckets.ErrVersioningOff, errBucketState.because("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")},
	{buckets.ErrVersioningLocked, errBucketState.because("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")},
	{buckets.ErrMarker, errMethodNotAllowed},
	{buckets.ErrPrecondition, errPrecondition},
	{buckets.ErrPublishChanged, errConflict},
	{buckets.ErrNotCold, errObjectState.because("Restore is not allowed for the object's current storage class")},
	{buckets.ErrRestoring, &apiError{Code: "RestoreAlreadyInProgress", Status: 409, Message: "Object restore is already in progress"}},
	{buckets.ErrDays, errMalformedXML},
	{buckets.ErrNoWebhook, errInvalidArgument.because("Unable to validate the following destination configurations")},
	{buckets.ErrKey, errInvalidURI},
	{buckets.ErrDigest, errBadDigest},
	{buckets.ErrNoUpload, errNoSuchUpload},
	{buckets.ErrInvalidPart, errInvalidPart},
	{buckets.ErrPartOrder, errInvalidPartOrder},
	{buckets.ErrPartSize, errTooSmall},
	{cors.ErrMalformed, errMalformedXML},
	{node.ErrFull, errStorageFull},
	{kv.ErrFull, errStorageFull},
	{node.ErrNotFound, errUnavailable},
	{acl.ErrCanned, errInvalidArgument},
	{acl.ErrGrantee, errInvalidArgument.because("Invalid id")},
	{acl.ErrGroup, errInvalidArgument.because("Invalid group uri")},
	{acl.ErrEmail, errEmail},
	{acl.ErrMalformed, errMalformedACL},
	{acl.ErrPermission, errMalformedACL},
	{acl.ErrTooMany, errMalformedACL.because("An access control list has at most 100 grants")},
	{checksum.ErrUnknown, errInvalidRequest.because("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [" + strings.Join(checksum.Names(), ", ") + "]")},
	// S3 itself says InvalidRequest of some of these; clients and the public suite of tests expect one code.
	{checksum.ErrValue, errBadDigest.because("Value for x-amz-checksum header is invalid.")},
	{checksum.ErrMany, errInvalidRequest.because("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")},
	{checksum.ErrType, errInvalidRequest.because("The checksum type cannot be used with the specified checksum algorithm.")},
	{context.Canceled, errRequestTimeout},
	{context.DeadlineExceeded, errRequestTimeout},
	{os.ErrDeadlineExceeded, errRequestTimeout}, // of a body that stopped coming
}

// translate puts err into S3's words. What is not known is an InternalError,
// and its text stays with the log.
func translate(err error) *apiError {
	var e *apiError
	if errors.As(err, &e) {
		return e
	}
	var bad *node.CARError
	if errors.As(err, &bad) {
		return errInvalidRequest.because("The body is not a CAR that can be imported: " + bad.Reason)
	}
	var sig *sigv4.Error
	if errors.As(err, &sig) {
		return fromSignature(sig)
	}
	var policy *postpolicy.Error
	if errors.As(err, &policy) {
		if policy.Malformed {
			return errInvalidPolicy.because(policy.Message)
		}
		return errAccessDenied.because(policy.Message)
	}
	var rule *cors.Error
	if errors.As(err, &rule) {
		return errInvalidRequest.because(rule.Message)
	}
	var rules *lifecycle.Error
	if errors.As(err, &rules) {
		return &apiError{Code: rules.Code, Status: 400, Message: rules.Message}
	}
	if errors.Is(err, buckets.ErrQuota) {
		return errQuota.because("The owner of the bucket keeps as much as he may: " + buckets.QuotaReason(err) + ".")
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return k.as
		}
	}
	return errInternal
}

func fromSignature(sig *sigv4.Error) *apiError {
	e := &apiError{Code: sig.Code, Status: sig.Status, Message: sig.Message}
	for _, f := range []struct{ name, value string }{
		{"Region", sig.Region},
		{"StringToSign", sig.StringToSign},
		{"CanonicalRequest", sig.CanonicalRequest},
	} {
		if f.value != "" {
			e = e.with(f.name, f.value)
		}
	}
	return e
}

// errorBody is the document S3 sends with an error.
type errorBody struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	Fields    []element
	Resource  string // unlike a key in a listing never so exact that it could break the document
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

// writeError answers with err. Nothing may have been written before; headers
// that described a success are taken back.
func (s *server) writeError(w *response, r *http.Request, id string, e *apiError) {
	h := w.Header()
	clear(h)
	s.stamp(h, id)
	for _, f := range e.Headers {
		h.Set(f.XMLName.Local, f.Value)
	}
	if e.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	if r.Method == http.MethodHead {
		// A HEAD has no body to carry the code; clients read the status, and
		// those that signed for another region, or not at all, this header.
		if e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden {
			h.Set("X-Amz-Bucket-Region", s.region)
		}
		w.WriteHeader(e.Status)
		return
	}
	// The document's own write error means that the client is gone; the
	// response remembers it.
	_ = writeXML(w, e.Status, s.errorDocument(r, id, e))
}

func (s *server) errorDocument(r *http.Request, id string, e *apiError) errorBody {
	return errorBody{
		Code: e.Code, Message: e.Message, Fields: e.Fields,
		Resource: r.URL.Path, RequestID: id, HostID: s.host,
	}
}
