package okta

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// oktaDomains are the domains below which Okta gives orgs their names.
var oktaDomains = []string{".okta.com", ".oktapreview.com", ".okta-emea.com", ".okta-gov.com", ".okta.mil", ".trexcloud.com"}

// OrgName is the name of the org at a host, which may have a port: the first
// label of a host right below one of Okta's domains ("acme" of
// "acme.okta.com"), else the host without the port, "id.acme.example". In
// lower case.
func OrgName(host string) string {
	name := strings.ToLower((&url.URL{Host: host}).Hostname())
	for _, domain := range oktaDomains {
		if label, ok := strings.CutSuffix(name, domain); ok && label != "" && !strings.Contains(label, ".") {
			return label
		}
	}
	return name
}

// MaxSegment is how many bytes an id or a login can have: a login has up to 100
// characters, and nothing else is longer.
const MaxSegment = 1024

// PathSegment escapes s (an id, a login) as one segment of a path. It refuses
// what a server could take for another path than the one meant: "", ".", "..",
// anything with a slash, a control character or invalid UTF-8, and what is longer
// than any id or login. A login with a slash has to be looked up by search.
func PathSegment(s string) (string, error) {
	switch {
	case len(s) > MaxSegment:
		return "", fmt.Errorf("okta: a text of %d bytes can't stand in a path: no id or login is that long", len(s))
	case s == "" || s == "." || s == "..":
		return "", fmt.Errorf("okta: %q can't stand in a path", s)
	case strings.Contains(s, "/"):
		return "", fmt.Errorf("okta: %q can't stand in a path: it has a slash; use a search instead", s)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("okta: %q can't stand in a path: it has characters that no id or login has", s)
	}
	return url.PathEscape(s), nil
}

// parseOrg checks the URL of an org and returns it as scheme and host only,
// the host in lower case and without the scheme's own port. No message repeats
// the text as a whole: somebody may have put a password into it.
func parseOrg(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("the org URL is empty: write https://acme.okta.com")
	}
	if !strings.Contains(text, "://") {
		return nil, errors.New("the org URL has no scheme: write https://acme.okta.com")
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return nil, errors.New("the org URL is not a URL: write https://acme.okta.com")
	}
	if u.User != nil {
		return nil, errors.New("the org URL has a user name or password in it: leave them out, the API takes a token")
	}
	org := &url.URL{Scheme: strings.ToLower(u.Scheme), Host: hostPort(u)}
	if strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("the org URL has a path: write %s", org)
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("the org URL has a query or fragment: write %s", org)
	}
	switch {
	case org.Scheme == "https":
	case org.Scheme != "http":
		return nil, fmt.Errorf("the org URL has the scheme %q: write https://%s", org.Scheme, org.Host)
	case !loopback(u.Hostname()):
		return nil, fmt.Errorf("plain http would send the token unprotected: write https://%s (http is for loopback addresses only)", org.Host)
	}
	for _, domain := range oktaDomains {
		name, ok := strings.CutSuffix(org.Hostname(), "-admin"+domain)
		if ok && name != "" && !strings.Contains(name, ".") {
			return nil, fmt.Errorf("%s is the admin console, not the API: write https://%s%s", org.Host, name, domain)
		}
	}
	return org, nil
}

// hostPort is a URL's host and port in lower case, without the port that the
// scheme implies, so that two URLs of one server compare equal.
func hostPort(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch strings.ToLower(u.Scheme) {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return strings.TrimSuffix(host, ":")
}

// sameHost says whether two URLs name the same server by the same scheme.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && hostPort(a) == hostPort(b) && b.User == nil
}

// samePath says whether the paths of two URLs have the same segments, however
// they are escaped.
func samePath(a, b *url.URL) bool {
	// A slash in a segment is escaped, so as many slashes are the same segments.
	return a.Path == b.Path && strings.Count(a.EscapedPath(), "/") == strings.Count(b.EscapedPath(), "/")
}

// loopback says whether a host name is this machine by its very name. Other
// names that happen to resolve to a loopback address don't count: what they
// resolve to may change.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// target is the URL of a call: the org's host with an escaped path and a query.
func (c *Client) target(path string, query url.Values) (*url.URL, error) {
	bad := errors.New("the path of a call must be absolute, escaped and without a query or dot segments")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, `?#\`) {
		return nil, bad
	}
	for segment := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "." || plain == ".." {
			return nil, bad
		}
	}
	u, err := url.Parse(c.org.String() + path)
	if err != nil || !sameHost(c.org, u) {
		return nil, bad
	}
	u.RawQuery = query.Encode()
	return u, nil
}
