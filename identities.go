package whoql

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/okta"
)

// identities are what orgs have said of who they are, by their names: each is asked once for an [Engine].
type identities struct {
	mu    sync.Mutex
	known map[string]change.Identity
}

// identity returns who an org is. The call counts in meter.
func (e *Engine) identity(ctx context.Context, o Org, meter *okta.Meter) (change.Identity, error) {
	e.identities.mu.Lock()
	defer e.identities.mu.Unlock()
	if id, ok := e.identities.known[o.Name]; ok {
		return id, nil
	}
	id, err := (&caller{engine: e, meter: meter}).identity(ctx, o)
	if err != nil {
		return id, fmt.Errorf("which org %s is: %w", o.Name, err)
	}
	if e.identities.known == nil {
		e.identities.known = map[string]change.Identity{}
	}
	e.identities.known[o.Name] = id
	return id, nil
}

// patience is how long an org may take to say who it is that is asked only because it might be another name of
// the one that is meant.
const patience = 5 * time.Second

// SameOrg returns the org of a name, and those with Protect or ReadOnly that are the same one by another name or
// address: what they say of it holds, however it is called. It asks each of these orgs who it is, by
// getWellknownOrgMetadata, until it has said so once. One that can't be asked, or doesn't answer within 5 s, is
// the same org only if it has the same address.
func (e *Engine) SameOrg(ctx context.Context, name string) ([]Org, error) {
	return e.sameOrg(ctx, name, new(okta.Meter))
}

func (e *Engine) sameOrg(ctx context.Context, name string, meter *okta.Meter) ([]Org, error) {
	org, err := (&query{engine: e}).org(name)
	if err != nil {
		return nil, err
	}
	same := []Org{org}
	for _, o := range e.options.Orgs {
		if o.Name == org.Name || len(o.Protect) == 0 && !o.ReadOnly {
			continue
		}
		if address(o.url()) != "" && address(o.url()) == address(org.url()) || e.isOrg(ctx, org, o, meter) {
			same = append(same, o)
		}
	}
	return same, nil
}

// isOrg says whether two orgs say that they are the same one.
func (e *Engine) isOrg(ctx context.Context, org, other Org, meter *okta.Meter) bool {
	id, err := e.identity(ctx, org, meter)
	if err != nil || id.ID == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	it, err := e.identity(ctx, other, meter)
	return err == nil && it.ID == id.ID
}

// address is a URL's host and port, one for all names of this machine.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	return host + ":" + u.Port()
}

// identify finds out which orgs a change is about. It refuses one that has an org under two names, whose users
// would be changed twice.
func (c *changeResult) identify(ctx context.Context, asks []change.Ask) error {
	for _, a := range asks {
		if slices.ContainsFunc(c.orgs, func(i change.Identity) bool { return i.Name == a.Org }) {
			continue
		}
		o, err := c.query.org(a.Org)
		if err != nil {
			return err
		}
		id, err := c.query.engine.identity(ctx, o, c.query.meter)
		if err != nil {
			return err
		}
		id.Name = a.Org
		for _, other := range c.orgs {
			if other.Is(id) {
				return &ChangePlanError{Msg: other.Name + " and " + id.Name + " are names of the same org, " + id.URL, Hint: "name it once"}
			}
		}
		same, err := c.query.engine.sameOrg(ctx, a.Org, c.query.meter)
		if err != nil {
			return err
		}
		for _, s := range same {
			if s.ReadOnly {
				return &ReadOnlyOrgError{Org: s.Name}
			}
		}
		c.orgs = append(c.orgs, id)
	}
	return nil
}
