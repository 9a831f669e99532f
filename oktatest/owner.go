package oktatest

import (
	"math/rand/v2"
	"net/http"
	"strings"
)

// The owner of the token is the first generated user who is active, or one who is added for it.

// findOwner returns the owner, adding one if the options say so; -1 for none. The org is still being
// made.
func (o *Org) findOwner() int {
	for i := range o.store.gen.n {
		if o.store.gen.status(i) == active {
			return i
		}
	}
	if !o.opts.Owner {
		return -1
	}
	text := func(s string) value { return value{kind: stringValue, text: s} }
	i, born := o.store.next, o.store.gen.begin
	o.store.put(i, &user{id: o.store.gen.id(i), status: active, created: born, activated: born, statusChanged: born, lastUpdated: born,
		passwordChanged: born, typeTail: o.types[0].tail, hasPassword: true, provider: providerOkta,
		profile: mergeProfiles(nil, []attribute{{"firstName", text("Sandbox")}, {"lastName", text("Owner")},
			{"login", text("owner@acme.example")}, {"email", text("owner@acme.example")}})})
	return i
}

// caller is the id of whoever makes the requests, as resources show it that say who changed them last.
// The caller of caller holds the store's lock.
func (o *Org) caller() string {
	if o.owner < 0 {
		return o.types[0].createdBy
	}
	return o.store.gen.id(o.owner)
}

// checkRealm refuses a realm that the org doesn't have. All users are in its only one; orgs without
// realms ignore what they are told.
func (o *Org) checkRealm(id string) *apiError {
	if o.realm != "" && id != "" && id != o.realm {
		return errNotFound(id, "Realm")
	}
	return nil
}

// newOrgID makes the id of an org. Two orgs that were made alike, with the same users, are still two: what
// was changed in one isn't in the other.
func newOrgID(suffix string) string {
	b := []byte("00o")
	for len(b) < 17 {
		b = append(b, base62[rand.IntN(len(base62))])
	}
	return string(append(b, suffix...))
}

// isOrgID says whether a text can be the id of an org.
func isOrgID(s string) bool {
	tail, ok := strings.CutPrefix(s, "00o")
	return ok && len(tail) == 17 && isBase62(tail)
}

const wellKnownPath = "/.well-known/okta-organization"

var orgRoutes = []route{{http.MethodGet, wellKnownPath, (*Org).getWellKnown}}

// getWellKnown is Okta's getWellknownOrgMetadata, which needs no token. Terraform asks for it to learn
// which generation the org is of. The id is another one for each org, and a file keeps it: whoever has
// left something undone in an org can tell whether it is that one.
func (o *Org) getWellKnown(c *call) (answer, *apiError) {
	pipeline := "idx"
	if o.opts.Engine == ClassicEngine {
		pipeline = "v1"
	}
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	b := append(c.out, `{"id":"`...)
	b = append(append(b, o.id...), `","cells":["sandbox"],"pipeline":"`...)
	b = append(append(b, pipeline...), `","_links":{"organization":{"href":`...)
	b = append(appendJSONString(b, c.style.base), "}}}"...)
	return answer{status: http.StatusOK, body: b}, nil
}
