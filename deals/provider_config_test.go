package deals_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/deals"
)

func TestParseProviders(t *testing.T) {
	got, err := deals.ParseProviders([]string{"f01000", "region=eu", "engine=mk12", "most=3", "http=https://sp.example/", " f01001 ", "", "engine=offline", "owner=acme", "f01002", "engine=filclient", "f01003"})
	want := []deals.ProviderConfig{
		{Address: "f01000", Engine: deals.EngineMk12, Region: "eu", Most: 3, HTTP: "https://sp.example"},
		{Address: "f01001", Engine: deals.EngineOffline, Owner: "acme"},
		{Address: "f01002", Engine: deals.EngineFilclient},
		{Address: "f01003"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("providers %+v, %v, want %+v", got, err, want)
	}
}

func TestParseProvidersRefuses(t *testing.T) {
	for _, c := range []struct{ words, message string }{
		{"region=eu", "before any provider"},
		{"sp.example", "no address"},
		{"f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za", "no address"}, // an account is no provider
		{"f01000 f01000", "twice"},
		{"f01000 engine=boost", "boost"},
		{"f01000 http=sp.example", "no URL"},
		{"f01000 http=ftp://sp.example", "no URL"},
		{"f01000 most=0", "no number"},
		{"f01000 colour=red", "none of"},
		{"f01000 colour=red most=x", "no number"}, // all faults are told at once
	} {
		_, err := deals.ParseProviders(strings.Fields(c.words))
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("ParseProviders(%q) = %v, want %q", c.words, err, c.message)
		}
	}
}
