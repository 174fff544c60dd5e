package deals

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/whypfs/whypfs/deals/chain"
)

// endpointMetrics tell how the chain's endpoints are doing. Their names are
// hosts from the configuration, so there are few.
type endpointMetrics struct{ chain *chain.Client }

func endpointDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("whypfs_chain_endpoint_"+name, help, []string{"endpoint"}, nil)
}

var (
	descCalls  = endpointDesc("calls_total", "Calls to an endpoint of the chain.")
	descErrors = endpointDesc("errors_total", "Calls that got no answer that can be taken for one.")
	descAge    = endpointDesc("head_age_seconds", "Time since the endpoint's head moved last.")
	descBehind = endpointDesc("behind_epochs", "How many epochs its head is behind the best of those that are believed.")
)

// Describe tells of all four.
func (m endpointMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descCalls, descErrors, descAge, descBehind} {
		out <- d
	}
}

// Collect gives what is known, without asking anybody.
func (m endpointMetrics) Collect(out chan<- prometheus.Metric) {
	states := m.chain.Endpoints()
	best := bestHead(states)
	seen := make(map[string]int)
	for _, s := range states {
		name := s.Name
		if seen[s.Name]++; seen[s.Name] > 1 { // two of one host
			name = fmt.Sprintf("%s#%d", name, seen[s.Name])
		}
		out <- prometheus.MustNewConstMetric(descCalls, prometheus.CounterValue, float64(s.Calls), name)
		out <- prometheus.MustNewConstMetric(descErrors, prometheus.CounterValue, float64(s.Errors), name)
		if s.HeadAt.IsZero() {
			continue
		}
		out <- prometheus.MustNewConstMetric(descAge, prometheus.GaugeValue, time.Since(s.HeadAt).Seconds(), name)
		out <- prometheus.MustNewConstMetric(descBehind, prometheus.GaugeValue, float64(best-s.Head), name)
	}
}

// bestHead is the highest head of an endpoint that is where most are; of all, if none is.
func bestHead(states []chain.State) (best int64) {
	var any int64
	for _, s := range states {
		if any = max(any, s.Head); !s.Aside {
			best = max(best, s.Head)
		}
	}
	if best == 0 {
		return any
	}
	return best
}
