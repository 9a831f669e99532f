package whoql

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
)

// A caller makes the calls of changes through the orgs' clients: the [change.Caller] of an engine.
type caller struct {
	engine *Engine
	meter  *okta.Meter
}

// Caller returns what makes the calls of changes in the engine's orgs, for [change.Run.Resume] and
// its like. Each call counts in Stats of nobody.
func (e *Engine) Caller() change.Caller { return &caller{engine: e, meter: new(okta.Meter)} }

// Limit is the rate limit that a method's calls in an org are under, with the headroom that is left to others, as
// far as the org's answers have said: for [change.Plan.Summary]. It makes no call.
func (e *Engine) Limit(org string, m *catalog.Method) change.Limit {
	o, err := (&query{engine: e}).org(org)
	if err != nil {
		return change.Limit{}
	}
	c, err := o.connect()
	if err != nil {
		return change.Limit{}
	}
	p := c.client.Pace(m.HTTP, m.Route)
	if !p.Known {
		return change.Limit{}
	}
	return change.Limit{Bucket: org + " " + p.Bucket, PerMinute: float64(p.Calls) * (1 - p.Headroom) * float64(time.Minute) / float64(p.Window)}
}

// Call implements [change.Caller].
func (c *caller) Call(ctx context.Context, call change.Call) (change.Answer, error) {
	request, err := requestOf(call)
	if err != nil {
		return change.Answer{}, &change.NoEffectError{Err: err}
	}
	org, err := (&query{engine: c.engine}).org(call.Org)
	if err != nil {
		return change.Answer{}, &change.NoEffectError{Err: err}
	}
	o, err := org.connect()
	if err != nil {
		return change.Answer{}, &change.NoEffectError{Err: err}
	}
	answer, err := o.client.Metered(c.meter).Do(ctx, request)
	if err != nil {
		withoutSecrets(err, call)
		return failed(err)
	}
	return change.Answer{
		Status: answer.Status, Body: answer.Body, ETag: answer.ETag, Date: answer.Date, RequestID: answer.RequestID,
	}, nil
}

// Identify implements [change.Caller]. It asks the orgs that may be meant until one is: the one of that name,
// the one at that URL, and the default one, which has the address of a new sandbox for its name.
func (c *caller) Identify(ctx context.Context, was change.Identity) (change.Identity, error) {
	q := &query{engine: c.engine}
	var candidates []Org
	add := func(o Org) {
		if !slices.ContainsFunc(candidates, func(have Org) bool { return have.Name == o.Name }) {
			candidates = append(candidates, o)
		}
	}
	named, err := q.org(was.Name)
	if err == nil {
		add(named)
	}
	if was.ID != "" || was.URL != "" {
		for _, o := range c.engine.options.Orgs {
			if was.URL != "" && strings.EqualFold(o.url(), was.URL) {
				add(o)
			}
		}
		if !c.engine.options.NoDefaultOrg && len(c.engine.options.Orgs) > 0 {
			add(c.engine.options.Orgs[0])
		}
	}
	if len(candidates) == 0 {
		return change.Identity{}, nil
	}
	var first change.Identity
	for i, o := range candidates {
		now, err := c.identity(ctx, o)
		if err != nil {
			return now, err
		}
		if o.AnyName {
			now.Name = was.Name
		}
		if was.Is(now) {
			return now, nil
		}
		if i == 0 {
			first = now
		}
	}
	return first, nil
}

// wellKnown is where an org says who it is: getWellknownOrgMetadata, which every token may ask.
const wellKnown = "/.well-known/okta-organization"

// identity asks an org who it is. One that doesn't say is known by its URL only.
func (c *caller) identity(ctx context.Context, org Org) (change.Identity, error) {
	out := change.Identity{Name: org.Name, URL: org.url(), Place: org.Source}
	o, err := org.connect()
	if err != nil {
		return out, err
	}
	answer, err := o.client.Metered(c.meter).Do(ctx, okta.Request{Operation: "get org metadata", Method: http.MethodGet, Path: wellKnown})
	var e *okta.Error
	switch {
	case errors.As(err, &e) && e.Status != 0 && e.Err == nil: // the org has answered
		out.Date = e.Rate.Date
		return out, nil
	case err != nil:
		return out, err
	}
	out.ID, out.Date = gjson.GetBytes(answer.Body, "id").String(), answer.Date
	return out, nil
}

// failed tells apart what the org said, what certainly changed nothing, and what nobody knows.
func failed(err error) (change.Answer, error) {
	var e *okta.Error
	switch {
	case !errors.As(err, &e):
		return change.Answer{}, err
	case okta.InDoubt(err):
		return change.Answer{}, err
	case e.Status < http.StatusMultipleChoices || e.Err != nil:
		return change.Answer{}, &change.NoEffectError{Err: err, Org: e.Status == 0 && e.Attempts > 0}
	}
	return change.Answer{
		Status: e.Status, Date: e.Rate.Date, RequestID: e.RequestID,
		Problem: &change.Problem{Status: e.Status, Code: e.Code, Summary: e.Summary, Causes: e.Causes, Hint: e.Hint},
	}, nil
}

// requestOf puts a call's values where its method has them.
func requestOf(call change.Call) (okta.Request, error) {
	r := okta.Request{
		Operation: words(call.Method.Operation), Method: call.Method.HTTP,
		IfMatch: call.IfMatch, Body: call.Body, Stop: call.Stop,
	}
	var err error
	if r.Path, err = routePath(call.Method, call.Path); err != nil {
		return r, err
	}
	if len(call.Query) > 0 {
		r.Query = url.Values{}
		for name, value := range call.Query {
			r.Query.Set(name, value)
		}
	}
	return r, nil
}

// routePath puts values into a route's {parameters}, each as one segment and as nothing else.
func routePath(m *catalog.Method, values map[string]string) (string, error) {
	var b strings.Builder
	rest := m.Route
	for {
		before, behind, more := strings.Cut(rest, "{")
		b.WriteString(before)
		if !more {
			return b.String(), nil
		}
		name, behind, _ := strings.Cut(behind, "}")
		segment, err := okta.PathSegment(values[name])
		if err != nil {
			return "", err
		}
		b.WriteString(segment)
		rest = behind
	}
}

// withoutSecrets hides in an org's words about a call what the call's body has in fields for secrets: an org, or
// what stands in front of it, may repeat what it was sent.
func withoutSecrets(err error, call change.Call) {
	var e *okta.Error
	if !errors.As(err, &e) || len(call.Body) == 0 {
		return
	}
	var found []string
	body := gjson.ParseBytes(call.Body)
	for _, b := range call.Method.Body {
		if b.Secret {
			found = secretTexts(found, body.Get(gjsonKey(b.Name)))
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) }) // one may be part of another
	for _, secret := range found {
		e.Summary = strings.ReplaceAll(e.Summary, secret, "…")
		for i := range e.Causes {
			e.Causes[i] = strings.ReplaceAll(e.Causes[i], secret, "…")
		}
	}
}

// secretTexts adds the texts of a field for secrets, as they are and as JSON has them: also names, since a
// password may stand in the place of one. Those are left out that the API itself calls things by.
func secretTexts(found []string, v gjson.Result) []string {
	const shortest = 4 // shorter ones are words of any sentence
	add := func(v gjson.Result) {
		for _, text := range []string{v.String(), strings.Trim(v.Raw, `"`)} {
			if len(text) >= shortest && !slices.Contains(found, text) {
				found = append(found, text)
			}
		}
	}
	switch {
	case v.IsObject() || v.IsArray():
		v.ForEach(func(name, member gjson.Result) bool {
			if name.Type == gjson.String && !change.IsCredentialName(name.String()) {
				add(name)
			}
			if !slices.Contains([]string{"type", "name", "algorithm", "digestAlgorithm", "saltOrder"}, name.String()) {
				found = secretTexts(found, member)
			}
			return true
		})
	case v.Type == gjson.String || v.Type == gjson.Number:
		add(v)
	}
	return found
}
