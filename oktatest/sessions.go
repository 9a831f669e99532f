package oktatest

// revokeSessions is DELETE /api/v1/users/{userId}/sessions. Nobody in this org ever has a session, so
// there is nothing to revoke, whatever the user's status.
func (o *Org) revokeSessions(c *call) (answer, *apiError) {
	if bad := c.params().check("oauthTokens", "forgetDevices"); bad != nil {
		return answer{}, bad
	}
	o.store.mu.RLock()
	defer o.store.mu.RUnlock()
	if _, ok := o.findUser(c.vars[0]); !ok {
		return answer{}, errNotFound(c.vars[0], "User")
	}
	return noContent, nil
}
