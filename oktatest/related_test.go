package oktatest

import "testing"

// Lists of what nobody has are empty, not unknown, and look for the user first.
func TestListsOfWhatNobodyHas(t *testing.T) {
	o := newTestOrg(Options{})
	u := inStatus(t, o, deprovisioned, "dana@acme.example", "")
	for path, link := range map[string]string{
		"/appLinks": "", "/idps": "", "/clients": "",
		"/grants":                             `<http://acme.example` + uriOf(u, "/grants") + `?limit=20>; rel="self"`,
		"/grants?limit=7&expand=scope&after=": `<http://acme.example` + uriOf(u, "/grants") + `?limit=7>; rel="self"`,
	} {
		res := do(o, "GET", uriOf(u, path), "")
		wantBody(t, res, 200, "[]")
		if got := res.header["Link"]; link == "" && len(got) > 0 || link != "" && (len(got) != 1 || got[0] != link) {
			t.Errorf("%s: Link %q, want %q", path, got, link)
		}
		wantRefusal(t, do(o, "GET", usersPath+"/nobody"+path, ""), 404, "E0000007", "Not found: Resource not found: nobody (User)")
		wantError(t, do(o, "PATCH", uriOf(u, path), ""), 405, "E0000022")
	}
	wantRefusal(t, do(o, "GET", uriOf(u, "/grants?after=oag1"), ""), 400, "E0000029", "Invalid paging request.", "Invalid cursor.")
	wantError(t, do(o, "GET", uriOf(u, "/grants?limit=x"), ""), 400, "E0000037")
	for _, path := range []string{"/factors", "/roles", "/subscriptions", "/linkedObjects/manager"} {
		wantError(t, do(o, "GET", uriOf(u, path), ""), 404, "E0000008")
	}
}
