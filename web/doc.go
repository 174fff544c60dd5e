// Package web is the browser's view of a node: dashboard, buckets and objects,
// zones, deals, pins, providers, jobs and accounts, behind a login.
//
// Pages are made on the server and work without scripts. Modules of our own add
// live figures, uploads with progress and copying; nothing is loaded from
// another host, and the Content-Security-Policy sees to it.
//
// A login by name and password, or by S3 access key and secret, makes a session:
// an account token of twelve hours in a cookie that scripts cannot read and other
// sites cannot send. A request that changes something must come from our own
// pages in two ways: the browser does not say that another site made it, and it
// carries a token derived from the session. Failed logins are limited per address.
// A new token or S3 secret is in the answer to the form that made it, and in no
// other page. Who changes a password has to prove who he is once more.
//
// Users see what is theirs, admins everything; what somebody may not see is
// answered as if it did not exist. Users of level upload have no pages.
//
// Bodies are streamed both ways. An upload that breaks off leaves no object; a
// download that fails midway cuts the connection, never ends as a short success.
//
// The package keeps nothing on disk and holds no rule of storage: it shows what
// the packages below it say and calls them.
package web
