package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// The sandbox that --sandbox starts.
const (
	sandboxName  = "sandbox"
	sandboxUsers = 1000
	sandboxSeed  = 1
)

const noOrgHint = "set OKTA_CLIENT_ORGURL=https://acme.okta.com and OKTA_CLIENT_TOKEN, or try --sandbox"

// orgs returns the orgs that the environment names: none, or one. o are the client's options.
func (c *command) orgs(o okta.Options) ([]whoql.Org, error) {
	orgURL, token, err := c.orgFromEnv()
	if err != nil || orgURL == "" {
		return nil, err
	}
	o.Proxy = c.proxy()
	client, err := okta.New(orgURL, okta.Token(token), o)
	if err != nil {
		return nil, &usageError{msg: err.Error(), hint: "the org comes from the environment: " + orgVariables}
	}
	return []whoql.Org{{Name: okta.OrgName(client.Host()), Client: client, Source: "environment"}}, nil
}

const orgVariables = "OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN, or OKTA_ORG_NAME, OKTA_BASE_URL and OKTA_API_TOKEN"

// orgFromEnv reads the variables of Okta's SDKs, or those of its Terraform provider. Half a set is
// an error, and so are two sets that name different orgs: the wrong org must not answer.
func (c *command) orgFromEnv() (orgURL, token string, err error) {
	sdk, err := c.set("OKTA_CLIENT_ORGURL", "OKTA_CLIENT_TOKEN")
	if err != nil {
		return "", "", err
	}
	parts, err := c.set("OKTA_ORG_NAME", "OKTA_BASE_URL", "OKTA_API_TOKEN")
	if err != nil || parts == nil {
		if sdk == nil {
			return "", "", err
		}
		return sdk[0], sdk[1], err
	}
	other := "https://" + parts[0] + "." + strings.TrimPrefix(parts[1], "https://")
	if sdk == nil {
		return other, parts[2], nil
	}
	if !strings.EqualFold(strings.TrimSuffix(sdk[0], "/"), strings.TrimSuffix(other, "/")) {
		return "", "", &usageError{msg: fmt.Sprintf("the environment names two orgs: %s and %s", withoutUser(sdk[0]), withoutUser(other)), hint: "unset one of " + orgVariables}
	}
	return sdk[0], sdk[1], nil
}

// set returns the values of variables that belong together: all of them, or nil if none is set.
func (c *command) set(names ...string) ([]string, error) {
	var values, have, want []string
	for _, name := range names {
		if v := c.env.get(name); v != "" {
			values, have = append(values, v), append(have, name)
		} else {
			want = append(want, name)
		}
	}
	if len(have) > 0 && len(want) > 0 {
		return nil, &usageError{msg: strings.Join(have, " and ") + " is set, but " + strings.Join(want, " and ") + " is not", hint: "an org needs " + orgVariables}
	}
	return values, nil
}

// withoutUser returns a URL's scheme and host: somebody may have put a secret in front of the host.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "a URL that can't be read"
	}
	return u.Scheme + "://" + u.Host
}

// proxy finds proxies by the usual variables: HTTPS_PROXY and NO_PROXY, in either case.
func (c *command) proxy() func(*http.Request) (*url.URL, error) {
	get := func(name string) string {
		if v := c.env.get(name); v != "" {
			return v
		}
		return c.env.get(strings.ToLower(name))
	}
	config := httpproxy.Config{HTTPSProxy: get("HTTPS_PROXY"), NoProxy: get("NO_PROXY")}
	find := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return find(r.URL) }
}

// sandbox starts an org on a loopback port: in memory, or if there is a name, in a file. close ends it.
func (c *command) sandbox(file string, o okta.Options) (orgs []whoql.Org, close func() error, err error) {
	org := oktatest.Options{Users: sandboxUsers, Seed: sandboxSeed, Today: time.Now()}
	if file != "" {
		org.Owner = true // as whoql sandbox has it, which may open the file next
		inFile(&org, file, false, false)
	}
	server, err := oktatest.Serve(org)
	if err != nil {
		return nil, nil, fileError(err)
	}
	client, err := okta.New(server.URL, okta.Token(server.Token), o)
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	return []whoql.Org{{Name: sandboxName, Client: client, AnyName: true, Source: "--sandbox"}}, server.Close, nil
}
