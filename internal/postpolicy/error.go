package postpolicy

import "fmt"

// An Error is a refusal in S3's words.
type Error struct {
	Malformed bool // the policy is no policy; otherwise the form does not follow it
	Message   string
}

func (e *Error) Error() string { return e.Message }

func malformed(format string, args ...any) *Error {
	return &Error{Malformed: true, Message: "Invalid Policy: " + fmt.Sprintf(format, args...)}
}

func denied(format string, args ...any) *Error {
	return &Error{Message: "Invalid according to Policy: " + fmt.Sprintf(format, args...)}
}
