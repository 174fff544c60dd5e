package web_test

import (
	"testing"

	"github.com/whypfs/whypfs/accounts"
)

// What people said of a provider stands on its page; only admins see it.
func TestProviderPage(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	root, ann := s.as("root", accounts.LevelAdmin), s.as("ann", accounts.LevelUser)
	root.get("/ui/providers").want(200).has(`href="/ui/providers/f01000"`)
	root.get("/ui/providers/f01000").want(200).has("by nobody", "No sample was taken", "It has none yet", "any time").hasNot("no deals<")
	must(t, s.deals.SetProviderName(ctx, "f01000", "Deep <b>Vault"))
	must(t, s.deals.SuspendProvider(ctx, "f01000", "too <i>slow", true))
	root.get("/ui/providers/f01000").want(200).has("Deep &lt;b&gt;Vault", "too &lt;i&gt;slow", "an admin said so", ">no deals<").hasNot("<b>V", "<i>s")
	root.get("/ui/providers").want(200).has("Deep &lt;b&gt;Vault", "Gets no deals: too &lt;i&gt;slow")
	root.get("/ui/providers/f01001").want(404).has("There is no such provider")
	ann.get("/ui/providers/f01000").want(404).hasNot("Vault")
}
