// Package accountstest is the contract of accounts.Accounts, as tests: the same
// for accounts in a store and for those at an authorization service.
package accountstest

import (
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/internal/seal"
	"github.com/whypfs/whypfs/kv"
)

// Open returns the accounts in a store. It is called again for the same store,
// as if by another process. It takes no other time than the store takes: some
// tests run in a bubble of testing/synctest.
type Open func(t testing.TB, s kv.Store, box *seal.Box, opt accounts.Options) *accounts.Accounts

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Audit", testAudit},
		{"AuditIsOneTransaction", testAuditIsOneTransaction},
		{"AuditIsBounded", testAuditIsBounded},
		{"ImportPasswords", testImportPasswords},
		{"ImportUser", testImportUser},
		{"Register", testRegister},
		{"RegisterLimit", testRegisterLimit},
		{"InviteRace", testInviteRace},
		{"Keys", testKeys},
		{"CreateKeyRefuses", testCreateKeyRefuses},
		{"DeleteKey", testDeleteKey},
		{"SecretFollowsChanges", testSecretFollowsChanges},
		{"LoginOfBothKinds", testLoginOfBothKinds},
		{"OldPasswordRow", testOldPasswordRow},
		{"LoginLimits", testLoginLimits},
		{"LoginLimitsWidely", testLoginLimitsWidely},
		{"LoginLimitsParallel", testLoginLimitsParallel},
		{"Suspend", testSuspend},
		{"Token", testToken},
		{"TokenExpires", testTokenExpires},
		{"CreateTokenRefuses", testCreateTokenRefuses},
		{"RevokeToken", testRevokeToken},
		{"EndSessions", testEndSessions},
		{"Users", testUsers},
		{"CreateUserRefuses", testCreateUserRefuses},
		{"CreateUserRace", testCreateUserRace},
		{"Login", testLogin},
		{"NothingInTheClear", testNothingInTheClear},
		{"SetLevel", testSetLevel},
		{"Rerun", testRerun},
		{"ManyUsers", testManyUsers},
		{"ExactTexts", testExactTexts},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}
