package remote_test

import (
	"path/filepath"
	"testing"

	"github.com/whypfs/whypfs/accounts/remote"
)

// newSecrets makes a secret.
func newSecrets(t testing.TB) remote.Secrets {
	t.Helper()
	s, made, err := remote.MakeSecrets(filepath.Join(t.TempDir(), "secret"))
	if err != nil || !made {
		t.Fatalf("MakeSecrets = %v, %v", made, err)
	}
	return s
}
