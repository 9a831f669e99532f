package oktatest

// deleteUser is DELETE /api/v1/users/{id}: the first one deactivates the user, the second one deletes
// the user for good. Both answers are the same.
func (o *Org) deleteUser(c *call) (answer, *apiError) {
	if bad := c.params().check("sendEmail"); bad != nil {
		return answer{}, bad
	}
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	e, bad := o.begin(c.vars[0])
	if bad != nil {
		return answer{}, bad
	}
	if e.u.status == deprovisioned {
		e.u = nil
	} else {
		e.u.deactivate(e.now)
	}
	if bad := o.keep(userStep{e.i, e.u}); bad != nil {
		return answer{}, bad
	}
	return noContent, nil
}
