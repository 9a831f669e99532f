package oktatest

import "net/http"

// Lists of what belongs to a user and what nobody in this org has: there are no applications, no identity
// providers and no OAuth. They are as recorded of users who have nothing of the kind.
var relatedRoutes = []route{
	{http.MethodGet, usersPath + "/{id}/appLinks", (*Org).listNothing},
	{http.MethodGet, usersPath + "/{id}/idps", (*Org).listNothing},
	{http.MethodGet, usersPath + "/{userId}/clients", (*Org).listNothing},
	{http.MethodGet, usersPath + "/{userId}/grants", (*Org).listGrants},
	{http.MethodGet, usersPath + "/{id}/blocks", (*Org).listBlocks},
}

const (
	maxGrants     = 200 // on a page
	defaultGrants = 20
)

// knownUser says what is wrong if the first part of the path is no user.
func (o *Org) knownUser(c *call) *apiError {
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	if _, ok := o.findUser(c.vars[0]); !ok {
		return errNotFound(c.vars[0], "User")
	}
	return nil
}

// listNothing is Okta's listAppLinks, listUserIdentityProviders and listUserClients, which have no pages.
func (o *Org) listNothing(c *call) (answer, *apiError) {
	if bad := o.knownUser(c); bad != nil {
		return answer{}, bad
	}
	return answer{status: http.StatusOK, body: append(c.out, "[]"...)}, nil
}

// listGrants is Okta's listUserGrants. There is no next page, and so no cursor.
func (o *Org) listGrants(c *call) (answer, *apiError) {
	if bad := o.knownUser(c); bad != nil {
		return answer{}, bad
	}
	values := c.URL.Query()
	p, bad := readPaging(values, c.URL.EscapedPath(), maxGrants)
	if bad != nil {
		return answer{}, bad
	}
	if p.after != "" {
		return answer{}, errPaging()
	}
	if values.Get("limit") == "" {
		p.limit = defaultGrants
	}
	pg := &page{body: append(c.out, "[]"...), self: p.link(c.style.base, "")}
	return answer{status: http.StatusOK, body: pg.body, page: pg}, nil
}

// listBlocks is Okta's listUserBlocks, in an org that hasn't got the feature: the only way it is recorded.
func (o *Org) listBlocks(c *call) (answer, *apiError) {
	if bad := o.knownUser(c); bad != nil {
		return answer{}, bad
	}
	return answer{}, errFeature()
}
