package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
)

// maxSkew is how far an org's clock may be off before a test says so. Its header has whole seconds, and
// an answer takes its time.
const maxSkew = 3 * time.Second

// An orgTest is what one org said.
type orgTest struct {
	name       string
	org        string // its id and generation
	login      string // of the token's owner
	rate       okta.Rate
	skew, took time.Duration
	err        error
}

// testOrgs is whoql orgs test. All orgs are asked side by side; the lines come in the orgs' order.
func (c *command) testOrgs(ctx context.Context, f *orgsFlags, names []string) error {
	out, err := c.output(&queryFlags{output: f.output, outputGiven: true})
	if err != nil {
		return err
	}
	set, err := c.orgs(f.orgs, okta.Options{MaxRetries: 1})
	if err != nil {
		return err
	}
	defer set.close()
	orgs, err := set.named(names)
	if err != nil {
		return err
	}
	tests := make([]orgTest, len(orgs))
	var wg sync.WaitGroup
	for i, o := range orgs {
		wg.Go(func() {
			ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, &errTimeout{f.timeout})
			defer cancel()
			tests[i] = testOrg(ctx, o)
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	failed := 0
	err = out.format.Begin([]string{"name", "result", "owner", "org", "rate_limit", "clock", "took"})
	for _, t := range tests {
		if t.err != nil {
			failed++
		}
		if err == nil {
			err = out.format.Row(t.row())
		}
	}
	if err = errors.Join(err, out.format.End(true)); err != nil {
		return &outputError{err}
	}
	c.reportCuts(out)
	if failed > 0 {
		return fmt.Errorf("%d of %s failed", failed, count(int64(len(tests)), "org"))
	}
	return nil
}

// named returns the orgs of these names, all of them without one.
func (s *orgSet) named(names []string) ([]whoql.Org, error) {
	if len(s.orgs) == 0 {
		return nil, whoql.ErrNoOrg
	}
	if len(names) == 0 {
		return s.orgs, nil
	}
	var sources []source
	for _, o := range s.orgs {
		sources = append(sources, source{name: o.Name, url: o.URL})
	}
	var out []whoql.Org
	for _, name := range names {
		i := byName(sources, name)
		if i < 0 {
			i = byLabel(sources, name)
		}
		if i < 0 {
			return nil, &usageError{msg: "no org is called " + name, hint: knownOrgs(sources, name)}
		}
		out = append(out, s.orgs[i])
	}
	return out, nil
}

// testOrg asks an org who the token's owner is (Okta's getUser with "me") and what it is
// (getWellknownOrgMetadata).
func testOrg(ctx context.Context, o whoql.Org) orgTest {
	t := orgTest{name: o.Name}
	client, err := o.Connect()
	if err != nil {
		t.err = err
		return t
	}
	start := time.Now()
	me, err := client.Get(ctx, "get the token's owner", "/api/v1/users/me", nil)
	end := time.Now()
	t.took, t.rate = end.Sub(start), client.Rate()
	if err != nil {
		if t.err = context.Cause(ctx); t.err == nil {
			t.err = err
		}
		return t
	}
	var owner struct{ Profile struct{ Login string } }
	if t.err = json.Unmarshal(me, &owner); t.err != nil {
		return t
	}
	t.login = owner.Profile.Login
	if !t.rate.Date.IsZero() {
		t.skew = skewOf(t.rate.Date, start, end)
	}
	// What answers at a domain of one's own may not have this page, and is an org for all that.
	var org struct{ ID, Pipeline string }
	if answer, err := client.Get(ctx, "get org metadata", "/.well-known/okta-organization", nil); err != nil || json.Unmarshal(answer, &org) != nil {
		return t
	}
	t.org = org.ID
	if name := generations[org.Pipeline]; name != "" {
		t.org += " (" + name + ")"
	}
	return t
}

// generations are Okta's names for what its metadata call a pipeline.
var generations = map[string]string{"idx": "Identity Engine", "v1": "Classic Engine"}

// skewOf is how far the org's clock is ahead of ours, 0 if its answer's date, which is in whole
// seconds, fits into the time that the call took.
func skewOf(date, start, end time.Time) time.Duration {
	switch {
	case date.Add(time.Second).Before(start):
		return date.Add(time.Second).Sub(start)
	case date.After(end):
		return date.Sub(end)
	}
	return 0
}

// row is the test's line. What failed has its error in the place of ok.
func (t orgTest) row() []any {
	result, clock, took := "ok", any(nil), any(nil)
	if t.err != nil {
		result = clean(t.err.Error())
	} else if !t.rate.Date.IsZero() {
		clock = "right"
		if t.skew.Abs() >= maxSkew {
			word := "ahead"
			if t.skew < 0 {
				word = "behind"
			}
			clock = fmt.Sprintf("%s %s", t.skew.Abs().Round(time.Second), word)
		}
	}
	if t.took > 0 {
		took = t.took.Round(time.Millisecond).String()
	}
	rate := any(nil)
	if t.rate.Known() {
		rate = fmt.Sprintf("%d of %d left", t.rate.Remaining, t.rate.Limit)
	}
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return []any{t.name, result, text(t.login), text(t.org), rate, clock, took}
}
