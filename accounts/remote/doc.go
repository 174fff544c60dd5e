// Package remote takes the questions of a node to the accounts of an
// authorization service, which several nodes share.
//
// Handler serves accounts over HTTP, Client is the accounts.Caller that asks
// it. A question is one POST, its argument and its result are JSON; which there
// are is accounts' table, so that the accounts behind a Client are the same code
// as those in a store, and pass the same tests.
//
// Both sides have a secret in common. Whoever has it is trusted like the node's
// operator: he can make admins, and read the S3 secret of any access key. Bodies
// hold such secrets, so neither side logs one, or puts one into an error.
//
// Nothing is kept from one question for the next: what is revoked at the
// service is refused by all nodes with the next request. A question that got no
// answer is asked once more if it changes nothing; a change may have been made
// although its answer was lost, and its caller is told ErrUnavailable.
//
// Accounts have an id. A node follows one id, and takes no answer from accounts
// with another: its contents belong to users by number.
package remote

// path is what comes before the name of an operation.
const path = "/accounts/v1/"

// accountsHeader holds the id of accounts: in a question, of those that a node
// follows; in an answer, of those that gave it.
const accountsHeader = "Whypfs-Accounts"
