package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/whypfs/whypfs/queue"
)

// jobKind is a kind of jobs with how its jobs are.
type jobKind struct {
	Kind                      string
	Running, Waiting, Failing int
	Next                      time.Time // when the next waiting one is due
	Reason                    string    // of that one
}

// jobKinds counts jobs by kind, the kinds with failing ones first.
func jobKinds(jobs []queue.Job) []jobKind {
	byKind := map[string]*jobKind{}
	for _, j := range jobs {
		k := byKind[j.Kind]
		if k == nil {
			k = &jobKind{Kind: j.Kind}
			byKind[j.Kind] = k
		}
		switch {
		case j.Running:
			k.Running++
			continue
		case j.Tries > 0:
			k.Failing++
		default:
			k.Waiting++
		}
		if k.Next.IsZero() || j.Due.Before(k.Next) {
			k.Next, k.Reason = j.Due, j.Reason
		}
	}
	out := make([]jobKind, 0, len(byKind))
	for _, k := range byKind {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b jobKind) int {
		return cmp.Or(cmp.Compare(b.Failing, a.Failing), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// byUrgency puts failing jobs first, those that failed most at the top, then
// running ones, then the others by the time they are due.
func byUrgency(jobs []queue.Job) {
	rank := func(j queue.Job) int {
		switch {
		case j.Tries > 0:
			return 0
		case j.Running:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(jobs, func(a, b queue.Job) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Tries, a.Tries), a.Due.Compare(b.Due))
	})
}

// failing are up to n jobs that failed, those that failed most first.
func failing(jobs []queue.Job, n int) []queue.Job {
	bad := slices.DeleteFunc(slices.Clone(jobs), func(j queue.Job) bool { return j.Tries == 0 })
	byUrgency(bad)
	return bad[:min(n, len(bad))]
}

// jobState is the word for how a job is.
func jobState(j queue.Job) string {
	switch {
	case j.Running:
		return "running"
	case j.Tries > 0:
		return "failing"
	}
	return "waiting"
}

type jobRow struct {
	queue.Job
	State string
}

func (s *server) listJobs(c *call) error {
	jobs, err := s.queue.List(c.r.Context(), c.r.URL.Query().Get("kind"))
	if err != nil {
		return err
	}
	byUrgency(jobs)
	p := paging(c)
	data := struct {
		Kinds []jobKind
		Jobs  []jobRow
		Page  page
	}{Kinds: jobKinds(jobs)}
	jobs, data.Page = cut(c, p, jobs[min(p.offset, len(jobs)):])
	for _, j := range jobs {
		data.Jobs = append(data.Jobs, jobRow{j, jobState(j)})
	}
	return s.ok(c, "jobs", view{Title: "Jobs", Nav: "jobs", Refresh: true, Scripts: []string{"refresh.js"}, Data: data})
}
