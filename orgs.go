package whoql

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/vtab"
)

// An Org is one Okta org that statements can read.
type Org struct {
	// Name is what subdomain says in SQL. Required; no two orgs have the same, in any case.
	Name string
	// Client makes the org's API calls. Required if there is no Connect.
	Client *okta.Client
	// Connect makes the client when a statement first needs the org, so that an org which nobody asks
	// for may lack its token. It may be called often and concurrently, and must give the same client
	// each time. Nil: Client is there.
	Connect func() (*okta.Client, error)
	// URL is the org's, as SHOW ORGS shows it; empty: the client's. An org also answers to what
	// [okta.OrgName] makes of its host (acme of https://acme.okta.com), if no other does.
	URL string
	// AnyName makes the org answer to any single name that a statement gives as its subdomain, and
	// call itself so: for a sandbox that stands in for an org. The default is false.
	AnyName bool
	// ReadOnly: the org must not be changed. The default is false.
	ReadOnly bool
	// Protect are the logins of users that changes must leave alone. It may be empty.
	Protect []string
	// Source says, for SHOW ORGS, where the org comes from: a file, say. It may be empty.
	Source string
}

// ErrNoOrg is the error of a statement that needs an org when there is none.
var ErrNoOrg = errors.New("no org is configured")

// A NoDefaultOrgError is the error of a statement that names no org when none is the default.
type NoDefaultOrgError struct {
	// Known are the names of the orgs there are.
	Known []string
}

// Error names the orgs there are.
func (e *NoDefaultOrgError) Error() string {
	return "no org is the default one, and the statement names none with subdomain; the orgs are: " + strings.Join(e.Known, ", ")
}

// An UnknownOrgError is a subdomain that names no org.
type UnknownOrgError struct {
	Name string
	// Known are the names of the orgs there are.
	Known []string
}

// Error names the orgs there are.
func (e *UnknownOrgError) Error() string {
	return fmt.Sprintf("unknown org: subdomain is %q, the orgs are: %s", e.Name, strings.Join(e.Known, ", "))
}

// Hint says which org may be meant.
func (e *UnknownOrgError) Hint() string {
	if near := catalog.Nearest(e.Name, e.Known); near != "" {
		return "did you mean " + near + "?"
	}
	return "leave subdomain out to ask the default org"
}

// An OrgError says which org a failure is of, where there are several.
type OrgError struct {
	// Org is the org's name.
	Org string
	Err error
}

// Error is the failure's text behind the org's name.
func (e *OrgError) Error() string { return "org " + e.Org + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *OrgError) Unwrap() error { return e.Err }

func checkOrgs(orgs []Org) error {
	seen := map[string]bool{}
	for _, org := range orgs {
		name := strings.ToLower(org.Name)
		if name == "" || org.Client == nil && org.Connect == nil {
			return errors.New("whoql: an org needs a name and a client")
		}
		if seen[name] {
			return fmt.Errorf("whoql: the org %s is given twice", org.Name)
		}
		seen[name] = true
	}
	return nil
}

// An orgClient is an org under the name that a statement gives it.
type orgClient struct {
	name    string
	client  *okta.Client
	reading *reading // counts what a scan costs
	// counted is told how many objects a table has that was read whole.
	counted func(objects int64)
	engine  *Engine
	got     *gotten // keeps the versions of what is got by its key; nil: nobody asks
}

// connect returns the org's client.
func (o Org) connect() (orgClient, error) {
	if o.Connect == nil {
		return orgClient{name: o.Name, client: o.Client}, nil
	}
	client, err := o.Connect()
	return orgClient{name: o.Name, client: client}, err
}

// url returns the org's URL without connecting; "" if it is not known.
func (o Org) url() string {
	if o.URL == "" && o.Client != nil {
		return o.Client.URL()
	}
	return o.URL
}

// label returns the name that the org has by its host; "" if that is not known.
func (o Org) label() string {
	u, err := url.Parse(o.url())
	if err != nil {
		return ""
	}
	return okta.OrgName(u.Host)
}

// needOrg says before a statement runs why it can't: no org is there, or it needs the default org
// and none is.
func (q *query) needOrg(byDefault bool) error {
	if len(q.engine.options.Orgs) == 0 {
		return ErrNoOrg
	}
	if byDefault {
		_, err := q.orgs(nil)
		return err
	}
	return nil
}

// checkDefault refuses a statement of which a table would ask the default org when there is none.
func (q *query) checkDefault(st *vtab.Stmt) error {
	if !q.engine.options.NoDefaultOrg {
		return nil
	}
	for _, p := range st.Plans() {
		r := q.engine.catalog.Lookup(p.Table)
		if r != nil && !slices.ContainsFunc(p.Args, func(a vtab.PlanArg) bool { return a.Column >= 0 && r.Columns[a.Column].Kind == catalog.KindOrg }) {
			return &NoDefaultOrgError{Known: q.engine.orgNames()}
		}
	}
	return nil
}

// orgs returns the orgs that a scan reads: the named ones, else the default.
func (q *query) orgs(wanted []any) ([]orgClient, error) {
	all := q.engine.options.Orgs
	if len(all) == 0 {
		return nil, ErrNoOrg
	}
	if wanted == nil {
		if q.engine.options.NoDefaultOrg {
			return nil, &NoDefaultOrgError{Known: q.engine.orgNames()}
		}
		o, err := all[0].connect()
		return []orgClient{o}, err
	}
	var out []orgClient
	seen := map[int]bool{}
	for _, w := range wanted {
		name, ok := w.(string)
		if !ok {
			return nil, fmt.Errorf("subdomain is %s, not an org's name", describeValue(w))
		}
		i, err := q.find(name)
		if err != nil {
			return nil, err
		}
		// Two spellings are one org, whose rows must not come twice.
		if seen[i] {
			continue
		}
		seen[i] = true
		o, err := all[i].connect()
		if err != nil {
			return nil, err
		}
		// SQLite checks the name again, as exactly as it was written.
		o.name = name
		out = append(out, o)
	}
	return out, nil
}

// org finds an org by its name.
func (q *query) org(name string) (Org, error) {
	i, err := q.find(name)
	if err != nil {
		return Org{}, err
	}
	return q.engine.options.Orgs[i], nil
}

// find returns the index of the org that a name means: the one so called, or else the only one
// whose host is called so, or else the one that answers to any name.
func (q *query) find(name string) (int, error) {
	labelled, any, found := -1, -1, 0
	for i, o := range q.engine.options.Orgs {
		switch {
		case strings.EqualFold(o.Name, name):
			return i, q.answerTo(o, name)
		case o.AnyName && name != "" && any < 0:
			any = i
		case name != "" && strings.EqualFold(o.label(), name):
			labelled = i
			found++
		}
	}
	if found == 1 {
		return labelled, nil
	}
	if any >= 0 {
		return any, q.answerTo(q.engine.options.Orgs[any], name)
	}
	return 0, &UnknownOrgError{Name: name, Known: q.engine.orgNames()}
}

func (e *Engine) orgNames() []string {
	return names(e.options.Orgs, func(o Org) string { return o.Name })
}

// answerTo gives an org that answers to any name the one it has in this statement; a second one is
// an error, since one org would answer as two.
func (q *query) answerTo(o Org, name string) error {
	if !o.AnyName {
		return nil
	}
	if q.anyName != "" && !strings.EqualFold(q.anyName, name) {
		return fmt.Errorf("the sandbox is one org, but the query reads two: %s and %s", q.anyName, name)
	}
	q.anyName = name
	return nil
}
