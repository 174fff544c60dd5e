package main

import (
	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/deals"
)

// engine is the setting of how deals are brought to providers.
type engine struct {
	DealEngine string
	Filclient  string
}

func (e *engine) flags(fs *pflag.FlagSet) {
	fs.StringVar(&e.DealEngine, "deal-engine", deals.EngineMk12, "what talks to storage providers that name no engine=: mk12, or filclient in a process of its own")
	fs.StringVar(&e.Filclient, "filclient", "whypfs-filclient", "program that is the engine filclient; without a slash it is looked for in PATH")
}

func (e *engine) check(bad func(format string, args ...any)) {
	if e.DealEngine != deals.EngineMk12 && e.DealEngine != deals.EngineFilclient {
		bad("--deal-engine: %q is not %s or %s", e.DealEngine, deals.EngineMk12, deals.EngineFilclient)
	}
	if e.Filclient == "" {
		bad("--filclient is empty")
	}
}
