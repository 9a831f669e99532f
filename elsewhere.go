package whoql

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/whoql/whoql/stmt"
)

// elsewhere notes which orgs other than the default one a statement reads. A change whose objects are found
// there, and that doesn't say where they are, would be made in the wrong org: it is refused. What counts is what
// is read, not how the text says so. Safe for concurrent use.
type elsewhere struct {
	mu   sync.Mutex
	read []string // by the statement at hand
	kept []string // by those before that have put rows into a table on this machine
}

// noteOrgs notes the orgs of a scan, under the names that it gave them.
func (q *query) noteOrgs(orgs []orgClient) {
	all := q.engine.options.Orgs
	e := &q.elsewhere
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range orgs {
		// An org that answers to any name stands in for others, which would be others.
		byDefault := all[0].AnyName && strings.EqualFold(all[0].Name, o.name)
		if i, err := q.find(o.name); err == nil && i == 0 && !all[0].AnyName {
			byDefault = true
		}
		if !byDefault && !slices.Contains(e.read, o.name) {
			e.read = append(e.read, o.name)
		}
	}
}

// begin begins a statement.
func (e *elsewhere) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.read = nil
}

// keep notes that the rows of the statement at hand have gone into a table on this machine.
func (e *elsewhere) keep() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range e.read {
		if !slices.Contains(e.kept, name) {
			e.kept = append(e.kept, name)
		}
	}
}

// of returns the orgs that what has been read comes from. local: tables on this machine were read, too.
func (e *elsewhere) of(local bool) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !local {
		return slices.Clone(e.read)
	}
	return append(slices.Clone(e.read), e.kept...)
}

// checkOrgs refuses a change that reads another org than it would be made in, and doesn't say itself which one
// that is. UPDATE and DELETE say it: their objects' rows have the org that they came from.
func (c *changeResult) checkOrgs() error {
	kind := c.change.Kind
	if kind != stmt.Exec && kind != stmt.Insert || c.saysOrg() {
		return nil
	}
	local := slices.ContainsFunc(c.texts, func(t *stmt.Query) bool { return t.Parsed != nil || t.Uses > len(t.Tables) })
	orgs := c.query.elsewhere.of(local)
	if len(orgs) == 0 {
		return nil
	}
	hint := "say which org it is about: select subdomain, too (FOR SELECT id AS userId, subdomain FROM …), or give @subdomain"
	if kind == stmt.Insert {
		hint = "say where: INSERT INTO " + c.resource.Path() + " (subdomain, …)"
	}
	return &ChangePlanError{Msg: fmt.Sprintf("%s reads the org %s, and doesn't say which org it changes: that would be the default one", kind, strings.Join(orgs, " and ")), Hint: hint}
}

// saysOrg says whether the statement gives the org to change.
func (c *changeResult) saysOrg() bool {
	return slices.ContainsFunc(append(slices.Clone(c.set), c.constant...), func(s setter) bool { return s.kind == setOrg })
}
